/**
 * Messages between an executor manager and its executor process, over a pipe that is descriptor MESSAGES_FD in the
 * executor; pipe.ts encodes them. The executor manager starts the process, sends one `start`, and receives one `ready`
 * or `failed`; the executor sends nothing else while it has a lease. An executor for the pool is sent `prepare` first,
 * and sends `prepared` before anything of a tenant has reached it. After `drain` the executor finishes what it runs and
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

export type ToExecutor = PrepareMessage | StartMessage | DrainMessage | ParkMessage

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

export type FromExecutor = PreparedMessage | ReadyMessage | FailedMessage | ParkedMessage
