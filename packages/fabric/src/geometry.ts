import { FabricError } from './errors.ts'
import { HEADER_BYTES, IMMEDIATE_MAX, SECRET_BYTES, type Geometry } from './fabric.ts'

/** Bytes of the largest window. */
export const WINDOW_BYTES_MAX: number = 2 ** 31
/** Most immediates in flight in one direction. */
export const DEPTH_MAX = 4096

const PAGE_BYTES = 4096

export function pageAligned(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
}

/** The geometry alone, complete. */
export function shapeOf({
  outboundBytes,
  inboundBytes,
  depth,
  slotBytes = 0,
  spareBytes = 0,
}: Geometry): Required<Geometry> {
  return { outboundBytes, inboundBytes, depth, slotBytes, spareBytes }
}

/** The geometry of the same connection, seen from its other side. */
export function mirrored<T extends Geometry>(geometry: T): T {
  return { ...geometry, outboundBytes: geometry.inboundBytes, inboundBytes: geometry.outboundBytes }
}

/** How a window is cut into slots. */
export interface Slots {
  readonly count: number
  readonly bytes: number
  /** Bytes of payload that a slot holds after its header. */
  readonly payloadBytes: number
}

export function slotsOf(windowBytes: number, slotBytes: number = 0): Slots {
  const count = slotBytes === 0 ? 0 : Math.floor(windowBytes / slotBytes)
  return { count, bytes: slotBytes, payloadBytes: slotBytes - HEADER_BYTES }
}

/** A view of the complete 32-bit words of a window. */
export function wordsOf(window: ArrayBuffer): Int32Array {
  return new Int32Array(window, 0, Math.floor(window.byteLength / 4))
}

function check(name: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new FabricError('invalid_argument', `Cannot open a connection: ${name} must be 1 to ${max}, not ${value}`)
  }
}

/**
 * Checks the geometry and the secret, once, before a fabric listens or connects.
 *
 * @throws {FabricError} `invalid_argument`
 */
export function checkGeometry(options: Geometry & { secret: Uint8Array }): void {
  check('outboundBytes', options.outboundBytes, WINDOW_BYTES_MAX)
  check('inboundBytes', options.inboundBytes, WINDOW_BYTES_MAX)
  check('depth', options.depth, DEPTH_MAX)
  const { slotBytes = 0 } = options
  if (!Number.isSafeInteger(slotBytes) || slotBytes < 0 || slotBytes % HEADER_BYTES !== 0) {
    const range = `a multiple of ${HEADER_BYTES}`
    throw new FabricError('invalid_argument', `Cannot open a connection: slotBytes must be ${range}, not ${slotBytes}`)
  }
  const { spareBytes = 0 } = options
  const spareMax = WINDOW_BYTES_MAX - Math.max(options.outboundBytes, options.inboundBytes)
  if (pageAligned(spareBytes) !== spareBytes || spareBytes < 0 || spareBytes > spareMax) {
    const range = `whole pages of ${PAGE_BYTES} bytes, ${spareMax} bytes at most`
    throw new FabricError(
      'invalid_argument',
      `Cannot open a connection: spareBytes must be ${range}, not ${spareBytes}`,
    )
  }
  if (options.secret.length !== SECRET_BYTES) {
    throw new FabricError(
      'invalid_argument',
      `Cannot open a connection: the secret must have ${SECRET_BYTES} bytes, not ${options.secret.length}`,
    )
  }
}

const TIMEOUT_MS = 5000
/** The longest delay that a timer accepts. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** How long to try to connect. @throws {FabricError} `invalid_argument` */
export function connectTimeoutMs({ timeoutMs = TIMEOUT_MS }: { timeoutMs?: number }): number {
  if (!(timeoutMs >= 0)) {
    throw new FabricError('invalid_argument', `Cannot connect: timeoutMs must be 0 or more, not ${timeoutMs}`)
  }
  return Math.min(timeoutMs, TIMEOUT_MS_MAX)
}

/**
 * Checks the arguments of every write before any byte moves; fractions and NaN count as out of range.
 *
 * @throws {FabricError} `invalid_argument`
 */
export function checkWrite(offset: number, byteLength: number, windowBytes: number, immediate: number): void {
  if (
    !isWhole(offset, windowBytes) ||
    !isWhole(byteLength, windowBytes - offset) ||
    !isWhole(immediate, IMMEDIATE_MAX)
  ) {
    refuseWrite(offset, byteLength, windowBytes, immediate)
  }
}

/**
 * Where a write that begins at `offset` must end: the end of the window, or, when it begins behind that, of the spare room.
 */
export function endFor(offset: number, windowBytes: number, spareBytes: number): number {
  return offset < windowBytes ? windowBytes : windowBytes + spareBytes
}

/** @throws {FabricError} `invalid_argument` */
export function checkSpare(spareBytes: number): void {
  if (spareBytes === 0) throw new FabricError('invalid_argument', 'Cannot show spare room: the connection has none')
}

/** Whether `value` is an integer from 0 to `max`; `max` is below 2 to the power of 32. */
function isWhole(value: number, max: number): boolean {
  return value >>> 0 === value && value <= max
}

/** Separate from the check, like every error sentence on the path of an invocation: V8 inlines only short functions. */
function refuseWrite(offset: number, byteLength: number, windowBytes: number, immediate: number): never {
  const reason = isWhole(immediate, IMMEDIATE_MAX)
    ? `Cannot write ${byteLength} bytes at ${offset}: the window has ${windowBytes} bytes`
    : `Cannot write: immediate must be 0 to ${IMMEDIATE_MAX}, not ${immediate}`
  throw new FabricError('invalid_argument', reason)
}

/**
 * Checks the arguments of every send before any byte moves.
 *
 * @throws {FabricError} `invalid_argument`
 */
export function checkSend(slot: number, byteLength: number, slots: Slots): void {
  if (!isWhole(slot, slots.count - 1) || !isWhole(byteLength, slots.payloadBytes)) refuseSend(slot, byteLength, slots)
}

function refuseSend(slot: number, byteLength: number, slots: Slots): never {
  const reason = isWhole(slot, slots.count - 1)
    ? `Cannot send ${byteLength} bytes: a slot has room for ${slots.payloadBytes}`
    : `Cannot send from slot ${slot}: the window has ${slots.count} slots`
  throw new FabricError('invalid_argument', reason)
}
