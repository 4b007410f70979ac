import { RfaasError } from '../errors.ts'
import { QUEUE_MAX_DEFAULT } from '../limits.ts'
import type { FabricChoice, LeaseOptions } from './types.ts'

/** Options with their defaults, checked at the door and trusted from here on. */
export interface CheckedLeaseOptions {
  functions: string | URL
  cores: number
  memoryMib: number
  durationMs: number
  /** As the wire has it: -1 is always. */
  hotTimeoutMs: number
  slots: number
  payloadBytesMax: number
  queueMax: number
  spinUs: number
  /** Empty: any. */
  nodeId: string
  fabric: FabricChoice | undefined
}

const KNOWN = new Set([
  'functions',
  'cores',
  'memoryMib',
  'durationMs',
  'hotTimeoutMs',
  'slots',
  'payloadBytesMax',
  'queueMax',
  'spinUs',
  'nodeId',
  'fabric',
])
const FABRICS: unknown[] = ['local', 'verbs', 'tcp', undefined]

/** @throws {RfaasError} `invalid_argument`, also for names that are not options */
export function checkLeaseOptions(options: LeaseOptions): CheckedLeaseOptions {
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) refuse(`there is no option ${JSON.stringify(name)}`)
  }
  const { functions, nodeId = '', fabric } = options
  if (!(functions instanceof URL) && (typeof functions !== 'string' || functions === '')) {
    refuse(`functions must be the path or URL of a module, not ${JSON.stringify(functions)}`)
  }
  if (typeof nodeId !== 'string') refuse(`nodeId must be the name of a node, not ${JSON.stringify(nodeId)}`)
  if (!FABRICS.includes(fabric)) refuse(`fabric must be local, verbs or tcp, not ${JSON.stringify(fabric)}`)
  return {
    functions,
    cores: whole('cores', options.cores ?? 1, 1),
    memoryMib: whole('memoryMib', options.memoryMib ?? 512, 1),
    durationMs: number('durationMs', options.durationMs ?? 60_000, 1),
    hotTimeoutMs: hotTimeout(options.hotTimeoutMs ?? 10),
    slots: whole('slots', options.slots ?? 4, 1),
    payloadBytesMax: whole('payloadBytesMax', options.payloadBytesMax ?? 2 ** 20, 1),
    queueMax: whole('queueMax', options.queueMax ?? QUEUE_MAX_DEFAULT, 0),
    spinUs: number('spinUs', options.spinUs ?? 20, 0),
    nodeId,
    fabric,
  }
}

function hotTimeout(value: number | 'always' | 'never'): number {
  if (value === 'always') return -1
  if (value === 'never') return 0
  return number('hotTimeoutMs', value, 0)
}

function number(name: string, value: unknown, min: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min) {
    refuse(`${name} must be a number of at least ${min}, not ${JSON.stringify(value) ?? 'undefined'}`)
  }
  return value
}

function whole(name: string, value: unknown, min: number): number {
  if (!Number.isSafeInteger(value)) refuse(`${name} must be a whole number, not ${String(value)}`)
  return number(name, value, min)
}

function refuse(reason: string): never {
  throw new RfaasError('invalid_argument', `Cannot lease: ${reason}`)
}
