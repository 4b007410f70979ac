import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { availableParallelism, homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { fabricFacts, hostIdentity, likelyFabrics } from '@rfaas/fabric'
import { RfaasError } from '../errors.ts'
import { NODE_CORES_MAX, NODE_ID_CHARS_MAX, NODE_MEMORY_MIB_MAX } from '../limits.ts'
import { machineMemoryBytes } from './machine-memory.ts'

export type WorkerFabric = 'local' | 'tcp' | 'verbs'

export interface MachineOptions {
  nodeId?: string
  host?: string
  cores?: number
  memoryMib?: number
  fabrics?: readonly WorkerFabric[]
}

/** What a node offers, and under which name. */
export interface Machine {
  readonly nodeId: string
  /** IP address under which others reach it. */
  readonly address: string
  readonly cores: number
  readonly memoryMib: number
  readonly offers: readonly { readonly fabric: WorkerFabric; readonly hostId: string; readonly address: string }[]
}

/**
 * Checks the options and fills in what the machine has.
 *
 * @throws {RfaasError} `invalid_argument`; `unsupported` when a fabric was asked for that does not work here
 */
export async function describeMachine(options: MachineOptions): Promise<Machine> {
  const nodeId = options.nodeId ?? `${hostname()}-${randomBytes(2).toString('hex')}`
  if (!new RegExp(`^[\\w.:-]{1,${NODE_ID_CHARS_MAX}}$`).test(nodeId)) {
    const reason = `1 to ${NODE_ID_CHARS_MAX} letters, digits or . : _ -`
    throw new RfaasError(
      'invalid_argument',
      `Cannot start node: nodeId must be ${reason}, not ${JSON.stringify(nodeId)}`,
    )
  }
  const halfMib = Math.floor(machineMemoryBytes() / 2 ** 20 / 2)
  const cores = whole('cores', options.cores ?? availableParallelism(), NODE_CORES_MAX)
  const memoryMib = whole('memoryMib', options.memoryMib ?? halfMib, NODE_MEMORY_MIB_MAX)
  const address = await addressOf(options.host ?? '127.0.0.1')
  const offers = usableFabrics(options.fabrics).map((fabric) =>
    fabric === 'local' ? { fabric, hostId: hostIdentity(), address: '' } : { fabric, hostId: '', address },
  )
  return { nodeId, address, cores, memoryMib, offers }
}

/** Where bundles are kept unless a node is told otherwise. */
export function defaultCacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'rfaas', 'bundles')
}

function whole(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new RfaasError('invalid_argument', `Cannot start node: ${name} must be 1 to ${max}, not ${value}`)
}

/** Clients are told this address, so it must be one that leads here. */
async function addressOf(host: string): Promise<string> {
  const found = await lookup(host).catch((cause: unknown) => {
    throw new RfaasError('invalid_argument', `Cannot start node: no address for host ${JSON.stringify(host)}`, {
      cause,
    })
  })
  if (found.address !== '0.0.0.0' && found.address !== '::') return found.address
  const reason = 'it must be one address of this machine that clients can reach'
  throw new RfaasError('invalid_argument', `Cannot start node: host is ${host}; ${reason}`)
}

function usableFabrics(asked: readonly WorkerFabric[] | undefined): WorkerFabric[] {
  if (asked) return checkFabrics([...new Set(asked)])
  // By a look at files: a node that is never asked for tcp need not wait for libfabric at its start.
  const likely = likelyFabrics().filter((name) => name === 'local' || name === 'tcp')
  return likely.length > 0 ? likely : checkFabrics(['local'])
}

function checkFabrics(asked: WorkerFabric[]): WorkerFabric[] {
  if (asked.length === 0) {
    throw new RfaasError('invalid_argument', 'Cannot start node without a fabric: none was asked for')
  }
  const facts = fabricFacts()
  const missing = { ok: false, reason: facts.libfabric.reason || 'libfabric does not know it' }
  for (const name of asked) {
    const found = facts.libfabric.providers.find((provider) => provider.name === name)
    const { ok, reason } = name === 'local' ? facts.local : (found ?? missing)
    if (!ok) throw new RfaasError('unsupported', `Cannot offer fabric ${name}: ${reason}`)
  }
  return asked
}
