import type { ConnectionHandle } from '@rfaas/fabric'

import type { ErrorCode } from '../errors.ts'

/*
 * What the supervisor of an executor and its worker threads say to each other. A worker says `prepared`, is told to
 * `load` and says `loaded`, is told to `attach` and says when that has `ended`; then, perhaps, all but the first again: after
 * a rehearsal, or for the next lease when its executor is kept. Instead of any answer it says that it `failed`, its last word.
 */

export interface LoadMessage {
  kind: 'load'
  /** With functions of our own, before there is a lease: nothing is metered, and the real `load` follows. */
  isRehearsal: boolean
  /** False: the connection is only taken and closed, nothing is served over it. */
  serves: boolean
  /** Variables to set before the bundle is loaded: a thread has an environment of its own. */
  environment: Readonly<Record<string, string>>
  bundlePath: string
  workerIndex: number
  workers: number
  slots: number
  payloadBytesMax: number
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
  | { kind: 'loaded'; functions: { name: string; raw: boolean }[]; loadMs: number }
  /** Idle: no asynchronous function is still under way. */
  | { kind: 'ended'; isIdle: boolean }
  | { kind: 'failed'; code: ErrorCode; reason: string; stack: string }
