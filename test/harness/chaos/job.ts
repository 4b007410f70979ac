/** What a client is given to do. */
export interface Job {
  readonly number: number
  /** Decides all that it does. */
  readonly seed: number
  /** It ends without a release: its process just exits. */
  readonly leaves: boolean
}

/** One line that a function wrote when it ran, so that it can be counted how often it has. */
export interface Note {
  readonly token: string
  readonly mayRunTwice: boolean
  /** Its caller has the right result. */
  readonly isDone: boolean
}

/** What has become of a job. */
export interface Outcome {
  readonly job: number
  readonly leaseIds: string[]
  /** Invocations with the result that they must have. */
  right: number
  /** Invocations that failed, by code. */
  readonly failed: Record<string, number>
  /** The code with which there was no lease, or with which it could not be released. */
  leaseFailed: string | null
  releaseFailed: string | null
  /** What must never be, in sentences: wrong results, unknown errors, hangs. */
  readonly broken: string[]
  /** The sentences of all errors. */
  readonly said: string[]
  readonly notes: Note[]
}

/** What a client program is started with, as JSON. */
export interface ClientSetting {
  readonly managerUrl: string
  readonly functions: string
  /** Where the functions write their notes. */
  readonly notesPath: string
}

/** What a client tells its parent: that it takes jobs, that an executor works for it, what has become of the job. */
export type Message =
  | { readonly kind: 'ready' }
  | { readonly kind: 'leased'; readonly executorPid: number }
  | { readonly kind: 'done'; readonly outcome: Outcome }
