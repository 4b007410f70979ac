import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { availableParallelism, hostname } from 'node:os'
import { likelyFabrics, reasonAgainst } from '@rfaas/fabric'
import { RfaasError } from '../errors.ts'
import { KEEP_WARM_MS_DEFAULT, KEEP_WARM_MS_MAX, POOL_SIZE_MAX, POOL_SPARE_MIB_MIN } from './limits.ts'
import { NODE_CORES_MAX, NODE_ID_CHARS_MAX, NODE_MEMORY_MIB_MAX } from '../lease/limits.ts'
import { labelsProblem, NO_LABELS, resourcesProblem } from '../lease/labels.ts'
import type { Labels } from '../lease/labels.ts'
import { NATIVE_LABEL } from '../lease/native-label.ts'
import { NO_RESOURCES } from '../lease/resources.ts'
import type { Resources } from '../lease/resources.ts'
import { machineMemoryBytes } from './machine-memory.ts'
import { NativePolicy, type AllowNative } from './native-policy.ts'
import { isLoopback, offersOf } from './offers.ts'
import type { Offer, WorkerFabric } from './offers.ts'
import { environmentProblem } from './resource-environment.ts'

export type { WorkerFabric } from './offers.ts'

export interface MachineOptions {
  nodeId?: string
  host?: string
  cores?: number
  memoryMib?: number
  resources?: Resources
  labels?: Labels
  fabrics?: readonly WorkerFabric[]
  pool?: number
  keepWarmMsMax?: number
  allowNative?: AllowNative
}

/** What a node offers, and its id. */
export interface Machine {
  readonly nodeId: string
  /** IP address under which clients reach the node. */
  readonly address: string
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Resources
  readonly labels: Labels
  readonly poolSize: number
  readonly keepWarmMsMax: number
  readonly offers: readonly Offer[]
  readonly native: NativePolicy
}

/**
 * Checks the options and fills in defaults from the machine.
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
  const machineMib = Math.floor(machineMemoryBytes() / 2 ** 20)
  const cores = whole('cores', options.cores ?? availableParallelism(), 1, NODE_CORES_MAX)
  const memoryMib = whole('memoryMib', options.memoryMib ?? Math.floor(machineMib / 2), 1, NODE_MEMORY_MIB_MAX)
  // A ready executor uses memory in addition to what is leased out.
  const poolDefault = machineMib - memoryMib >= POOL_SPARE_MIB_MIN ? 1 : 0
  const poolSize = whole('pool', options.pool ?? poolDefault, 0, POOL_SIZE_MAX)
  const keepWarmMsMax = options.keepWarmMsMax ?? KEEP_WARM_MS_DEFAULT
  if (!(keepWarmMsMax >= 0 && keepWarmMsMax <= KEEP_WARM_MS_MAX)) {
    const reason = `keepWarmMsMax must be 0 to ${KEEP_WARM_MS_MAX}, not ${keepWarmMsMax}`
    throw new RfaasError('invalid_argument', `Cannot start node: ${reason}`)
  }
  const address = await addressOf(options.host ?? '127.0.0.1')
  const offers = offersOf(usableFabrics(options.fabrics, address), address)
  const inThreads = offers.some(({ fabric }) => fabric === 'threads')
  const native = new NativePolicy(options.allowNative, inThreads)
  const { resources, labels } = checkTraits(options, native)
  return { nodeId, address, cores, memoryMib, resources, labels, poolSize, keepWarmMsMax, offers, native }
}

function checkTraits(
  { resources = NO_RESOURCES, labels: given = NO_LABELS }: MachineOptions,
  { allowsSome }: NativePolicy,
): { resources: Resources; labels: Labels } {
  const reserved = Object.keys(NATIVE_LABEL).find((name) => Object.hasOwn(given, name))
  if (reserved !== undefined) {
    throw new RfaasError('invalid_argument', `Cannot start node: label ${reserved} is set by the option allowNative`)
  }
  const labels = allowsSome ? { ...given, ...NATIVE_LABEL } : given
  const problem = resourcesProblem(resources) ?? labelsProblem(labels) ?? environmentProblem(resources, process.env)
  if (problem !== null) throw new RfaasError('invalid_argument', `Cannot start node: ${problem}`)
  return { resources: { ...resources }, labels: { ...labels } }
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new RfaasError('invalid_argument', `Cannot start node: ${name} must be ${min} to ${max}, not ${value}`)
}

/** Clients connect to this address, so it must be an address of this machine. */
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

function usableFabrics(asked: readonly WorkerFabric[] | undefined, address: string): WorkerFabric[] {
  if (asked?.includes('verbs') && isLoopback(address)) {
    const reason = `no RDMA device is at ${address}; give the node a host that others can reach`
    throw new RfaasError('unsupported', `Cannot offer fabric verbs: ${reason}`)
  }
  if (asked) return checkFabrics([...new Set(asked)])
  // Without loading libfabric, which a node that never uses verbs does not need. `threads` must be asked for, because
  // only this process reaches such a node.
  const likely = likelyFabrics().filter((name) => name !== 'threads' && (name !== 'verbs' || !isLoopback(address)))
  return likely.length > 0 ? likely : checkFabrics(['local'])
}

function checkFabrics(asked: WorkerFabric[]): WorkerFabric[] {
  if (asked.includes('threads') && asked.length > 1) {
    const reason = `over threads executors are threads of this process, over ${asked.find((each) => each !== 'threads')} they are processes`
    throw new RfaasError('invalid_argument', `Cannot start node with fabrics ${asked.join(', ')}: ${reason}`)
  }
  if (asked.length === 0) {
    throw new RfaasError('invalid_argument', 'Cannot start node: the list of fabrics is empty')
  }
  for (const fabric of asked) {
    const reason = reasonAgainst(fabric)
    if (reason !== '') throw new RfaasError('unsupported', `Cannot offer fabric ${fabric}: ${reason}`)
  }
  return asked
}
