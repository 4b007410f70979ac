import type { ConnectionHandle } from '@rfaas/fabric'

import type { ErrorCode } from '../errors.ts'
import type { BundleForm } from './load.ts'
import type { FunctionSummary } from './messages.ts'
import type { OutputStream } from './output-stream.ts'

/*
 * Messages between the supervisor of an executor and its worker threads. A worker sends `prepared`, is sent `load` and
 * sends `loaded`, is sent `attach` and sends `ended` when it has stopped serving. After a rehearsal, or for the next
 * lease of a kept executor, all but `prepared` repeats. `output` may come at any time. Instead of any answer a worker may send `failed`, its last
 * message.
 */

/** What a worker thread is started with. */
export interface WorkerData {
  /** See {@link WorkerOutput}: bytes of output on their way. */
  readonly outputPending: Int32Array<SharedArrayBuffer>
}

export interface LoadMessage extends BundleForm {
  kind: 'load'
  /** Whether the functions are our own, before there is a lease: nothing is metered, and the real `load` follows. */
  isRehearsal: boolean
  /** False: the connection is only attached and closed, nothing is served over it. */
  serves: boolean
  /** Variables to set before the bundle is loaded: each thread has an environment of its own. */
  environment: Readonly<Record<string, string>>
  bundlePath: string
  /** The meters, where the executor is a thread of its node's process; null: they are descriptor METER_PAGE_FD. */
  meterPage: SharedArrayBuffer | null
  workerIndex: number
  workers: number
  slots: number
  payloadBytesMax: number
  /** Largest payload that goes through the spare room behind the slots. Absent: none does. */
  payloadBytesLargest?: number
  /** Infinity: always hot. */
  hotTimeoutMs: number
}

export interface AttachMessage {
  kind: 'attach'
  handle: ConnectionHandle
}

export type ToWorker = LoadMessage | AttachMessage

export type FromWorker =
  | { kind: 'prepared' }
  | { kind: 'loaded'; functions: FunctionSummary[]; loadMs: number }
  /** `isIdle`: no asynchronous function is still pending. */
  | { kind: 'ended'; isIdle: boolean }
  | { kind: 'failed'; code: ErrorCode; reason: string; stack: string }
  /** What functions have printed, whenever they do; no answer to anything. */
  | { kind: 'output'; stream: OutputStream; bytes: Uint8Array }
