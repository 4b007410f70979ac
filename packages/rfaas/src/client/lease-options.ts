import { inspect } from 'node:util'

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
  const { functions, cores = 1, memoryMib = 512, durationMs = 60_000, hotTimeoutMs = 10, slots = 4 } = options
  const { payloadBytesMax = 2 ** 20, queueMax = QUEUE_MAX_DEFAULT, spinUs = 20, nodeId = '', fabric } = options
  if (!(functions instanceof URL) && (typeof functions !== 'string' || functions === '')) {
    refuse(`functions must be the path or URL of a module, not ${show(functions)}`)
  }
  if (typeof nodeId !== 'string') refuse(`nodeId must be the name of a node, not ${show(nodeId)}`)
  if (!FABRICS.includes(fabric)) refuse(`fabric must be local, verbs or tcp, not ${show(fabric)}`)
  return {
    functions,
    cores: whole('cores', cores, 1),
    memoryMib: whole('memoryMib', memoryMib, 1),
    durationMs: number('durationMs', durationMs, 1),
    hotTimeoutMs: hotTimeout(hotTimeoutMs),
    slots: whole('slots', slots, 1),
    payloadBytesMax: whole('payloadBytesMax', payloadBytesMax, 1),
    queueMax: whole('queueMax', queueMax, 0),
    spinUs: number('spinUs', spinUs, 0),
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
    refuse(`${name} must be a number of at least ${min}, not ${show(value)}`)
  }
  return value
}

function whole(name: string, value: unknown, min: number): number {
  if (!Number.isSafeInteger(value)) refuse(`${name} must be a whole number, not ${show(value)}`)
  return number(name, value, min)
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : inspect(value)
}

function refuse(reason: string): never {
  throw new RfaasError('invalid_argument', `Cannot lease: ${reason}`)
}
