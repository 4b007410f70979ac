import type { ConnectionHandle } from '@rfaas/fabric'

import type { ErrorCode } from '../errors.ts'
import type { LoopEnd } from './loop.ts'

/** What the supervisor of an executor and its worker threads say to each other. */
export interface WorkerInit {
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

export type FromWorker =
  | { kind: 'loaded'; functions: { name: string; raw: boolean }[]; loadMs: number }
  | { kind: 'ended'; end: LoopEnd }
  | { kind: 'failed'; code: ErrorCode; reason: string; stack: string }
