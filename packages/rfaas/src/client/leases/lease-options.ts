import { inspect } from 'node:util'

import { deployedName } from '../../control/functions-name.ts'
import { RfaasError } from '../../errors.ts'
import { environmentProblem, NO_ENVIRONMENT, type Environment } from '../../lease/environment.ts'
import { labelsProblem, NO_LABELS, resourcesProblem } from '../../lease/labels.ts'
import type { Labels } from '../../lease/labels.ts'
import type { PlacementPolicy } from '../../lease/lease.ts'
import { NO_RESOURCES } from '../../lease/resources.ts'
import type { Resources } from '../../lease/resources.ts'
import { KINDS, type FunctionKind } from '../../kinds.ts'
import {
  ABANDON_GRACE_MS_DEFAULT,
  INVOKE_TIMEOUT_MS_MAX,
  LEASE_MEMORY_MIB_BESIDE_WINDOWS,
  QUEUE_MAX_DEFAULT,
} from '../limits.ts'
import { LEASE_MEMORY_MIB_DEFAULT, LEASE_NODES_MAX, LEASE_PRIORITY_MAX, LEASE_WAIT_MS_MAX } from '../../lease/limits.ts'
import { slotLayout, windowsMib, windowsSentence } from '../../protocol/slots.ts'
import type { FabricChoice, LeaseOptions, OutputLine } from '../types.ts'
import { labelsFor } from '../bundle/native.ts'
import { printLine } from './lease-output.ts'

/** Options with their defaults, checked here and trusted from here on. */
export interface CheckedLeaseOptions {
  functions: string | URL
  kind: FunctionKind
  external: readonly string[]
  files: readonly string[]
  env: Environment
  setup: ((each: never) => unknown) | null
  /** Receives the output of functions; null: it stays at the node. */
  output: ((line: OutputLine) => void) | null
  cores: number
  coresMin: number
  nodes: number
  memoryMib: number
  resources: Resources
  labels: Labels
  policy: PlacementPolicy
  durationMs: number
  /** As on the wire: -1 means always. */
  hotTimeoutMs: number
  keepWarmMs: number
  /** Infinity: workers are not ended. */
  abandonGraceMs: number
  slots: number
  payloadBytesMax: number
  /** Whether a payload may be larger than that, as the memory of the lease allows: no bound was given. */
  payloadsGrow: boolean
  queueMax: number
  spinUs: number
  waitMs: number
  priority: number
  preempt: boolean
  replace: boolean
  isIdempotent: (name: string) => boolean
  /** Empty: any. */
  nodeId: string
  fabric: FabricChoice | undefined
  signal: AbortSignal | undefined
}

const KNOWN = new Set([
  'functions',
  'kind',
  'external',
  'files',
  'env',
  'setup',
  'output',
  'cores',
  'coresMin',
  'nodes',
  'memoryMib',
  'resources',
  'labels',
  'policy',
  'durationMs',
  'hotTimeoutMs',
  'keepWarmMs',
  'abandonGraceMs',
  'slots',
  'payloadBytesMax',
  'queueMax',
  'spinUs',
  'waitMs',
  'priority',
  'preempt',
  'replace',
  'idempotent',
  'nodeId',
  'fabric',
  'signal',
])
const PACKAGE_NAME = /^(?:@[^/\s]+\/)?[^@./\s][^/\s]*$/
const POLICIES: unknown[] = ['pack', 'spread']
const FABRICS: unknown[] = ['local', 'verbs', 'tcp', 'threads', undefined]

/** @throws {RfaasError} `invalid_argument`, also for names that are not options */
export function checkLeaseOptions(options: LeaseOptions<never>): CheckedLeaseOptions {
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) refuse(`there is no option ${JSON.stringify(name)}`)
  }
  const { functions, cores = 1, coresMin = cores, nodes = 1, memoryMib } = options
  const { kind = 'functions', durationMs = 60_000, hotTimeoutMs = 10 } = options
  // Handlers of AWS Lambda count on it that they run one at a time.
  const { slots = kind === 'lambda' ? 1 : 4 } = options
  const { payloadBytesMax = 2 ** 20, queueMax = QUEUE_MAX_DEFAULT, spinUs = 20, nodeId = '', fabric } = options
  const { keepWarmMs = 0, waitMs = 0, priority = 0, preempt = false, replace = false, idempotent = false } = options
  const { abandonGraceMs = ABANDON_GRACE_MS_DEFAULT } = options
  const { signal, external = [], files = [], env = NO_ENVIRONMENT, setup = null, output } = options
  const { resources = NO_RESOURCES, labels = NO_LABELS, policy = 'pack' } = options
  if (!(functions instanceof URL) && (typeof functions !== 'string' || functions === '')) {
    refuse(`functions must be the path or URL of a module, or the name of deployed functions, not ${show(functions)}`)
  }
  const isDeployed = deployedName(functions) !== null
  if (!Array.isArray(external) || !external.every((name) => typeof name === 'string' && PACKAGE_NAME.test(name))) {
    refuse(`external must be the names of packages, not ${show(external)}`)
  }
  if (isDeployed && external.length > 0) refuse(`external must be given when ${show(functions)} is deployed`)
  if (!Array.isArray(files) || !files.every((name) => typeof name === 'string' && name !== '')) {
    refuse(`files must be paths or patterns, not ${show(files)}`)
  }
  if (!KINDS.includes(kind)) refuse(`kind must be functions or lambda, not ${show(kind)}`)
  if (setup !== null && typeof setup !== 'function') refuse(`setup must be a function, not ${show(setup)}`)
  if (output !== undefined && output !== 'inherit' && typeof output !== 'function') {
    refuse(`output must be 'inherit' or a function, not ${show(output)}`)
  }
  if (typeof nodeId !== 'string') refuse(`nodeId must be the name of a node, not ${show(nodeId)}`)
  for (const [name, value] of Object.entries({ replace, preempt })) {
    if (typeof value !== 'boolean') refuse(`${name} must be true or false, not ${show(value)}`)
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    refuse(`signal must be an AbortSignal, not ${show(signal)}`)
  }
  if (!FABRICS.includes(fabric)) refuse(`fabric must be local, verbs or tcp, not ${show(fabric)}`)
  for (const [name, value] of Object.entries({ env, resources, labels })) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      refuse(`${name} must be an object, not ${show(value)}`)
    }
  }
  const problem = environmentProblem(env) ?? resourcesProblem(resources) ?? labelsProblem(labels)
  if (problem !== null) refuse(problem)
  if (!POLICIES.includes(policy)) refuse(`policy must be pack or spread, not ${show(policy)}`)
  const checked = {
    functions,
    kind,
    external,
    files,
    // A copy: the lease may be replaced after the caller has changed it.
    env: { ...env },
    setup,
    output: output === 'inherit' ? printLine : (output ?? null),
    cores: whole('cores', cores, 1),
    coresMin: whole('coresMin', coresMin, 1, cores),
    nodes: whole('nodes', nodes, 1, LEASE_NODES_MAX),
    memoryMib: memoryMib === undefined ? 0 : whole('memoryMib', memoryMib, 1),
    resources,
    labels: labelsFor(functions, labels),
    policy,
    durationMs: number('durationMs', durationMs, 1),
    hotTimeoutMs: hotTimeout(hotTimeoutMs),
    keepWarmMs: number('keepWarmMs', keepWarmMs, 0),
    abandonGraceMs:
      abandonGraceMs === Infinity ? abandonGraceMs : number('abandonGraceMs', abandonGraceMs, 0, INVOKE_TIMEOUT_MS_MAX),
    slots: whole('slots', slots, 1),
    payloadBytesMax: whole('payloadBytesMax', payloadBytesMax, 1),
    payloadsGrow: options.payloadBytesMax === undefined,
    queueMax: queueMax === Infinity ? queueMax : whole('queueMax', queueMax, 0),
    spinUs: number('spinUs', spinUs, 0),
    waitMs: number('waitMs', waitMs, 0, LEASE_WAIT_MS_MAX),
    priority: whole('priority', priority, 0, LEASE_PRIORITY_MAX),
    preempt,
    replace,
    isIdempotent: idempotentNames(idempotent),
    nodeId,
    fabric,
    signal,
  }
  if (preempt && waitMs === 0) refuse('preempt needs waitMs: those whose room it takes have a grace')
  const layout = slotLayout(slots, payloadBytesMax)
  const neededMib = windowsMib(layout, cores)
  if (memoryMib === undefined) {
    checked.memoryMib = Math.max(LEASE_MEMORY_MIB_DEFAULT, neededMib + LEASE_MEMORY_MIB_BESIDE_WINDOWS)
  } else if (memoryMib < neededMib) {
    refuse(`${windowsSentence(layout, cores)} are ${neededMib} MiB, memoryMib is ${memoryMib}`)
  }
  return checked
}

function idempotentNames(value: unknown): (name: string) => boolean {
  if (typeof value === 'boolean') return () => value
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) {
    const names = new Set<string>(value)
    return (name) => names.has(name)
  }
  return refuse(`idempotent must be true, false or the names of functions, not ${show(value)}`)
}

function hotTimeout(value: number | 'always' | 'never'): number {
  if (value === 'always') return -1
  if (value === 'never') return 0
  return number('hotTimeoutMs', value, 0)
}

function number(name: string, value: unknown, min: number, max = Infinity): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min || value > max) {
    const bounds = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`
    refuse(`${name} must be a number ${bounds}, not ${show(value)}`)
  }
  return value
}

function whole(name: string, value: unknown, min: number, max = Infinity): number {
  if (!Number.isSafeInteger(value)) refuse(`${name} must be a whole number, not ${show(value)}`)
  return number(name, value, min, max)
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : inspect(value)
}

function refuse(reason: string): never {
  throw new RfaasError('invalid_argument', `Cannot lease: ${reason}`)
}
