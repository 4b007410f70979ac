import type { MessagePort } from 'node:worker_threads'

/**
 * What the thread starts with. While it rests, a message with a number of milliseconds bounds the rest that is left.
 */
export interface KeeperThreadData {
  readonly port: MessagePort
  /** How long the thread leaves the processors to others before it loads its code. */
  readonly restMs: number
}
