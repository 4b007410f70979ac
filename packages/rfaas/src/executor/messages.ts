/**
 * What an executor manager and its executor process say to each other, over the IPC channel that
 * `child_process.fork(..., { serialization: 'advanced' })` gives. The executor manager starts the process, sends one
 * `start`, and gets one `ready` or `failed`. After `drain` the executor finishes what it runs and exits with 0.
 * The meter page is descriptor METER_PAGE_FD in the executor.
 */
export const METER_PAGE_FD = 4

/** The executor's exit code when its client went away without a word: no crash, but nobody is served any more. */
export const EXIT_CLIENT_GONE = 3

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
  memoryMib: number
}

export interface DrainMessage {
  kind: 'drain'
}

export type ToExecutor = StartMessage | DrainMessage

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

export type FromExecutor = ReadyMessage | FailedMessage
