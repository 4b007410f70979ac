import { runTrial } from '../harness/trial.ts'
import { PEERS } from './catalog.ts'
import type { Peer } from './catalog.ts'
import { install } from './install.ts'
import { peerTrial } from './placement.ts'

export interface Available {
  peers: Peer[]
  /** One sentence for each peer that is left out; it begins with the peer's label. */
  leftOut: string[]
}

const PROBE = { trips: 1, warmupMs: 0, budgetMs: 0 }
const PROBE_TIMEOUT_MS = 30_000

/** Installs missing packages and tries every peer once; leaves out a peer that cannot be installed or does not run. */
export async function availablePeers(
  progress: (what: string) => void,
  peers: readonly Peer[] = PEERS,
): Promise<Available> {
  const available: Available = { peers: [], leftOut: [] }
  for (const peer of peers) {
    progress(`getting ready: ${peer.label}`)
    const reason = await reasonAgainst(peer)
    if (reason === null) available.peers.push(peer)
    else available.leftOut.push(`${peer.label}: ${reason}`)
  }
  return available
}

async function reasonAgainst(peer: Peer): Promise<string | null> {
  if (peer.packages === null) return null
  const reason = await install(peer.packages)
  if (reason !== null) return reason
  try {
    await runTrial(peerTrial(peer, 'oneCore', 64, 1, PROBE), PROBE_TIMEOUT_MS)
    return null
  } catch (error) {
    return gist((error as Error).message)
  }
}

/** The error that ended the trial, without its stack. */
function gist(complaint: string): string {
  return /^\w*Error.*$/m.exec(complaint)?.[0] ?? complaint.split('\n', 1)[0]!
}
