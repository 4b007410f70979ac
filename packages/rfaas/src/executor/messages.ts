/**
 * What an executor manager and its executor process say to each other, over a pipe that is descriptor MESSAGES_FD in the
 * executor; pipe.ts says how. The executor manager starts the process, sends one `start`, and gets one `ready` or
 * `failed`: that is all that an executor ever says. After `drain` the executor finishes what it runs and exits with 0;
 * when the pipe ends, it exits at once. The meter page is descriptor METER_PAGE_FD in the executor.
 */
export const MESSAGES_FD = 3

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
