/**
 * Messages between an executor manager and its executor process, over a pipe that is descriptor MESSAGES_FD in the
 * executor; pipe.ts encodes them. The executor manager starts the process, sends one `start`, and receives one `ready`
 * or `failed`. While it has a lease it sends nothing else but `worker-ended` when a worker has ended by itself or after
 * `end-worker`; it is then sent `restart`, and sends `worker-restarted` when a client can reach that worker again. An
 * executor for the pool is sent `prepare` first, and sends `prepared` before anything of a tenant has reached it. After `drain` the executor finishes what it runs and
 * exits with 0. After `park` it does the same, but when nothing is left pending it sends `parked` and stays, with its
 * functions loaded, for another `start` with as many workers and the same bundle. When the pipe ends, it exits at once.
 * The meter page is descriptor METER_PAGE_FD in the executor.
 */
export const MESSAGES_FD = 3

export const METER_PAGE_FD = 4

/**
 * The executor's exit code when its client went away without notice: it has not crashed, but has nobody left to serve.
 */
export const EXIT_CLIENT_GONE = 3

/** Asks the executor to prepare what every lease needs, of whichever tenant. */
export interface PrepareMessage {
  kind: 'prepare'
  /** Threads to start; a lease may ask for more or fewer. */
  workers: number
  /** Fabrics to rehearse a lease over; those that do not work here are skipped. */
  fabrics: Pick<StartMessage, 'fabric' | 'listenAddress'>[]
}

export interface StartMessage {
  kind: 'start'
  /** Absolute path of the bundle, one ECMAScript module. */
  bundlePath: string
  fabric: 'local' | 'tcp' | 'verbs' | 'threads'
  /** IP address to listen on; empty for `local` and `threads`. */
  listenAddress: string
  /** One secret of 32 bytes per worker; their number is the number of workers. */
  secrets: Uint8Array[]
  slots: number
  payloadBytesMax: number
  /** Largest payload that goes through the spare room behind the slots. Absent: none does. */
  payloadBytesLargest?: number
  /** Milliseconds, or -1 always, 0 never. */
  hotTimeoutMs: number
  /** Variables to set before the bundle is loaded. */
  environment: Readonly<Record<string, string>>
  /** Working directory of the lease. Absent or empty: it stays what it is. */
  workFolder?: string
}

export interface DrainMessage {
  kind: 'drain'
}

export interface ParkMessage {
  kind: 'park'
}

/** Has a worker that has ended listen for its client again, with a new secret of 32 bytes. */
export interface RestartMessage {
  kind: 'restart'
  worker: number
  secret: Uint8Array
}

/** Ends a worker, whatever it runs. */
export interface EndWorkerMessage {
  kind: 'end-worker'
  worker: number
  /** How often the worker was restarted so far: one that was restarted meanwhile stays. */
  restarts: number
}

export type ToExecutor = PrepareMessage | StartMessage | DrainMessage | ParkMessage | RestartMessage | EndWorkerMessage

export interface PreparedMessage {
  kind: 'prepared'
}

/** What a client must know of a function to invoke it. */
export interface FunctionSummary {
  name: string
  /** Whether it takes and returns bytes. */
  raw: boolean
  /** Whether it is a generator function, whose items are streamed. Default false. */
  streams?: boolean
}

export interface ReadyMessage {
  kind: 'ready'
  /** One per worker, in the order of the secrets. */
  addresses: string[]
  functions: FunctionSummary[]
  loadMs: number
}

export interface FailedMessage {
  kind: 'failed'
  code: 'module_failed' | 'executor_start_failed' | 'unsupported'
  /** A sentence for a person. */
  reason: string
  stack: string
}

export interface ParkedMessage {
  kind: 'parked'
}

/** Why a worker ended, by the code of the error that its invocations get. */
export type WorkerEndCode = 'worker_crashed' | 'worker_exited' | 'out_of_memory' | 'worker_ended'

/** A worker of the lease has ended, and runs nothing any more. Another thread is starting in its place. */
export interface WorkerEndedMessage {
  kind: 'worker-ended'
  worker: number
  code: WorkerEndCode
  /** What ended it, for a person; WORKER_END_CHARS_MAX at most, as the stack. */
  reason: string
  /** Of the error that ended it; empty when there was none. */
  stack: string
}

/** The worker has loaded the functions again, and its client may connect. */
export interface WorkerRestartedMessage {
  kind: 'worker-restarted'
  worker: number
  address: string
}

/** Comes unasked. */
export type ExecutorNews = WorkerEndedMessage | WorkerRestartedMessage

export type FromExecutor = PreparedMessage | ReadyMessage | FailedMessage | ParkedMessage | ExecutorNews
