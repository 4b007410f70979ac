import { FabricError } from './errors.ts'
import { IMMEDIATE_MAX, SECRET_BYTES, type Geometry } from './fabric.ts'

/** Bytes of the largest window. */
export const WINDOW_BYTES_MAX: number = 2 ** 31
/** Immediates on their way in one direction, at most. */
export const DEPTH_MAX = 4096

const PAGE_BYTES = 4096

export function pageAligned(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
}

function check(name: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new FabricError('invalid_argument', `Cannot open a connection: ${name} must be 1 to ${max}, not ${value}`)
  }
}

/** Checked once at the door of every fabric. @throws {FabricError} `invalid_argument` */
export function checkGeometry(options: Geometry & { secret: Uint8Array }): void {
  check('outboundBytes', options.outboundBytes, WINDOW_BYTES_MAX)
  check('inboundBytes', options.inboundBytes, WINDOW_BYTES_MAX)
  check('depth', options.depth, DEPTH_MAX)
  if (options.secret.length !== SECRET_BYTES) {
    throw new FabricError(
      'invalid_argument',
      `Cannot open a connection: the secret must have ${SECRET_BYTES} bytes, not ${options.secret.length}`,
    )
  }
}

const TIMEOUT_MS = 5000
/** The longest that a timer takes. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** How long to try to connect. @throws {FabricError} `invalid_argument` */
export function connectTimeoutMs({ timeoutMs = TIMEOUT_MS }: { timeoutMs?: number }): number {
  if (!(timeoutMs >= 0)) {
    throw new FabricError('invalid_argument', `Cannot connect: timeoutMs must be 0 or more, not ${timeoutMs}`)
  }
  return Math.min(timeoutMs, TIMEOUT_MS_MAX)
}

/**
 * Checked at every write, before any byte moves; fractions and NaN are out of range too.
 *
 * @throws {FabricError} `invalid_argument`
 */
export function checkWrite(offset: number, byteLength: number, windowBytes: number, immediate: number): void {
  if (
    !Number.isInteger(offset) ||
    !Number.isInteger(byteLength) ||
    offset < 0 ||
    byteLength < 0 ||
    offset + byteLength > windowBytes
  ) {
    throw new FabricError(
      'invalid_argument',
      `Cannot write ${byteLength} bytes at ${offset}: the window has ${windowBytes} bytes`,
    )
  }
  if (!Number.isInteger(immediate) || immediate < 0 || immediate > IMMEDIATE_MAX) {
    throw new FabricError('invalid_argument', `Cannot write: immediate must be 0 to ${IMMEDIATE_MAX}, not ${immediate}`)
  }
}
