import type { MessagePort } from 'node:worker_threads'

import type { Side } from '../local/layout.ts'
import type { Signals, ThreadsMemory } from './memory.ts'

/** What a connecting thread posts to the thread of a listener. */
export interface Call {
  rfaas: 'threads'
  address: string
  /** As over a socket (sockets/handshake.ts). */
  hello: Uint8Array
  /** Takes the Answer. */
  reply: MessagePort
  /** Closes when the connecting side closes the connection, or its thread ends. */
  line: MessagePort
}

/** What the thread of a listener posts back. */
export type Answer =
  /** `line` closes when the accepting thread ends. */
  | { kind: 'accepted'; memory: ThreadsMemory; line: MessagePort }
  /** `absent`: the thread is there, the listener is not. */
  | { kind: 'refused' | 'absent' }
  | { kind: 'failed'; reason: string }

/** What a thread posts to its guard: to end a side of a connection when a port closes, or to forget about it. */
export type GuardOrder =
  (Signals & { kind: 'guard'; id: number; port: MessagePort; side: Side }) | { kind: 'forget'; id: number }
