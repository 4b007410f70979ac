/**
 * What an executor manager and its executor process say to each other, over a pipe that is descriptor MESSAGES_FD in the
 * executor; pipe.ts says how. The executor manager starts the process, sends one `start`, and gets one `ready` or
 * `failed`: that is all that an executor says while it has a lease. One for the pool is sent `prepare` first, and says
 * `prepared` before anything of a tenant has reached it. After `drain` the executor finishes what it runs and exits with
 * 0. After `park` it does the same, but when nothing is left under way it says `parked` and stays, with its functions
 * loaded, for another `start` with as many workers and the same bundle. When the pipe ends, it exits at once. The meter
 * page is descriptor METER_PAGE_FD in the executor.
 */
export const MESSAGES_FD = 3

export const METER_PAGE_FD = 4

/** The executor's exit code when its client went away without a word: no crash, but nobody is served any more. */
export const EXIT_CLIENT_GONE = 3

/** Have ready what every lease needs, whosever it is. */
export interface PrepareMessage {
  kind: 'prepare'
  /** Threads to start; a lease may ask for more or fewer. */
  workers: number
  /** Of each worker. */
  heapMib: number
  /** To rehearse a lease over, as far as they work here. */
  fabrics: Pick<StartMessage, 'fabric' | 'listenAddress'>[]
}

export interface StartMessage {
  kind: 'start'
  /** Absolute path of the bundle, one ECMAScript module. */
  bundlePath: string
  /** 'local' or a libfabric provider. */
  fabric: 'local' | 'tcp' | 'verbs'
  /** IP address to listen on; empty for `local`. */
  listenAddress: string
  /** One secret of 32 bytes per worker; as many workers are started. */
  secrets: Uint8Array[]
  slots: number
  payloadBytesMax: number
  /** Milliseconds, or -1 always, 0 never. */
  hotTimeoutMs: number
  /** Variables to set before the bundle is loaded. */
  environment: Readonly<Record<string, string>>
  /** Of each worker; that of the process has the same. */
  heapMib: number
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

export interface ReadyMessage {
  kind: 'ready'
  /** One a worker, in the order of the secrets. */
  addresses: string[]
  functions: { name: string; raw: boolean }[]
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
