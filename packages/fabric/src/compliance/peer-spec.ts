import type { FabricName, Geometry } from '../fabric.ts'
import type { Mode } from './drive.ts'
import { PATIENCE } from './patience.ts'

/** What a peer, a process or a thread, does with its connections. */
export type PeerRole =
  /** Echoes on one connection per mode, one after the other, each until the other end is gone; then exits with 0. */
  | { role: 'echo'; modes: Mode[]; slotBytes: number }
  /** After an immediate on the first connection, writes `count` immediates on each connection and kills itself. */
  | { role: 'burst'; count: number }
  /** After an immediate on the first connection, sleeps `afterMs` on the event loop and kills itself. */
  | { role: 'die'; afterMs: number }
  /** Arms the first connection, drops everything else that keeps it alive, and exits with WOKEN when it was woken. */
  | { role: 'armed'; referenced: boolean }
  /** Starts a thread with the role `leave`, then one that is blocked in `wait`, and exits with EXITED. */
  | { role: 'exit-while-blocked' }
  /** Takes part in the stress of sleeping and waking on the first connection, with that seed. */
  | { role: 'stress'; seed: number }

export interface PeerSpec {
  fabric: FabricName
  /** The address to connect to; null to listen and to report the address. */
  address: string | null
  host: string
  /** As this peer sees it. */
  geometry: Geometry
  connections: number
  does: PeerRole
}

export const WOKEN = 42
export const EXITED = 43
/** The exit code of a thread that has killed itself: what a shell says of a process that SIGKILL ended. */
export const KILLED = 137

/** Longest life of a peer, whatever happens to its parent. */
export const LIFE_MS: number = 60_000 * PATIENCE

/** What a thread of the suite does. */
export type ThreadRole =
  | { role: 'echo'; mode: Mode; slotBytes: number }
  /** Sends 'waiting', waits, and sends the result of `wait`. */
  | { role: 'wait' }
  /** Sends its path in /proc, then waits again and again until the connection is lost. */
  | { role: 'be-interrupted' }
  /**
   * Polls one immediate, writes `byteLength` bytes with the immediate 2, sends 'busy', and blocks without polling until
   * `free` is 1 or PATIENCE_MS are over. Then polls the next immediate, and sends that and whether it was freed.
   */
  | { role: 'be-busy'; byteLength: number; free: Int32Array }
  /** Ends without having closed its connection. */
  | { role: 'leave' }
