import type { FabricName, Geometry } from '../fabric.ts'
import type { Mode } from './drive.ts'
import { PATIENCE } from './patience.ts'

/** What a peer process does with its connections. */
export type PeerRole =
  /** Echoes on one connection per mode, one after the other, each until the other end is gone; then exits with 0. */
  | { role: 'echo'; modes: Mode[]; slotBytes: number }
  /** Once told to by an immediate on the first, writes so many immediates on each connection and is killed. */
  | { role: 'burst'; count: number }
  /** Once told to by an immediate on the first, sleeps a while on the event loop and is killed. */
  | { role: 'die'; afterMs: number }
  /** Arms the first, drops everything else that keeps it alive, and exits with WOKEN when it was woken. */
  | { role: 'armed'; referenced: boolean }
  /** Has a thread that leaves, then one that is blocked in wait, and exits with EXITED. */
  | { role: 'exit-while-blocked' }
  /** On the first, takes part in the stress of sleeping and waking, with that seed. */
  | { role: 'stress'; seed: number }

export interface PeerSpec {
  fabric: FabricName
  /** Whom to connect to; null to listen, and to tell where. */
  address: string | null
  host: string
  /** As this peer sees it. */
  geometry: Geometry
  connections: number
  does: PeerRole
}

export const WOKEN = 42
export const EXITED = 43

/** No peer lives longer, whatever happens to its parent. */
export const LIFE_MS: number = 30_000 * PATIENCE

/** Of which a sleeper uses next to nothing, and somebody who is awake all of it. */
export const QUIET_MS = 20

/** What a thread of the suite does. */
export type ThreadRole =
  | { role: 'echo'; mode: Mode; slotBytes: number }
  /** Says 'waiting', waits, says why it came back. */
  | { role: 'wait' }
  /** Waits, QUIET_MS at most, until so many waits were quiet; says how much CPU the worst of these used, in µs. */
  | { role: 'be-interrupted'; quiet: number }
  /** Ends without having closed its connection. */
  | { role: 'leave' }
