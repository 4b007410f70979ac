/** A job for a client. */
export interface Job {
  readonly number: number
  /** Determines everything in the job. */
  readonly seed: number
  /** The client exits without releasing its lease. */
  readonly leaves: boolean
}

/** A line that a function wrote when it ran, so that its runs can be counted. */
export interface Note {
  readonly token: string
  readonly mayRunTwice: boolean
  /** The caller has received the right result. */
  readonly isDone: boolean
}

/** The outcome of a job. */
export interface Outcome {
  readonly job: number
  readonly leaseIds: string[]
  /** Invocations with the right result. */
  right: number
  /** Invocations that failed, by code. */
  readonly failed: Record<string, number>
  /** Error codes of the failed lease request and of the failed release. */
  leaseFailed: string | null
  releaseFailed: string | null
  /** Things that must never happen, in sentences: wrong results, unknown errors, hangs. */
  readonly broken: string[]
  /** The messages of all errors. */
  readonly said: string[]
  readonly notes: Note[]
}

/** The argument of a client program, as JSON. */
export interface ClientSetting {
  readonly managerUrl: string
  readonly functions: string
  /** Where the functions write their notes. */
  readonly notesPath: string
}

/** A client's message to its parent: it is ready for jobs, an executor works for it, or the outcome of a job. */
export type Message =
  | { readonly kind: 'ready' }
  | { readonly kind: 'leased'; readonly executorPid: number }
  | { readonly kind: 'done'; readonly outcome: Outcome }
