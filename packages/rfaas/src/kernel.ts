import { RfaasError } from './errors.ts'
import { raw, type RawFunction } from './raw.ts'
import {
  HEAD_COMMON,
  HEAD_COUNT,
  HEAD_FIRST,
  HEAD_INPUT_PER_ITEM,
  HEAD_OUTPUT_PER_ITEM,
  itemsAt,
  PIECE_HEAD_BYTES,
  TOOK_BYTES,
  tookAt,
} from './protocol/piece-layout.ts'

const KERNEL: unique symbol = Symbol.for('rfaas.kernel') as never

/** The constructor of a typed array of numbers. */
export type Elements =
  | Float64ArrayConstructor
  | Float32ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Uint8ClampedArrayConstructor

/** The typed array that a constructor makes, over any kind of memory; undefined when there is no constructor. */
export type ArrayOf<E> = E extends Elements ? E['prototype'] : undefined

/** What the items of a loop are made of. How many elements an item has is said by the loop. */
export interface KernelShape<I, O, C> {
  /** The input. Default: items have none. */
  readonly input?: I
  /** The results. */
  readonly output: O
  /** What every piece gets as a whole, for instance a vector or parameters. Default: nothing. */
  readonly common?: C
}

/** Consecutive items of a loop, in place. The arrays are valid until the kernel returns. */
export interface Piece<I, O, C> {
  /** The items, one after the other. */
  readonly input: ArrayOf<I>
  /** Where the results go; what they were before is not defined. */
  readonly output: ArrayOf<O>
  readonly common: ArrayOf<C>
  /** The number of the first item in the whole loop, from 0. */
  readonly first: number
  readonly count: number
}

/** @internal What {@link kernel} keeps of a kernel. */
export interface KernelParts<I, O, C> {
  readonly shape: KernelShape<I, O, C>
  readonly run: (piece: Piece<I, O, C>) => void
}

/** A function on pieces of a loop, see {@link kernel}. */
export interface Kernel<I, O, C> {
  /** @internal */
  readonly [KERNEL]: KernelParts<I, O, C>
}

/**
 * Makes the body of a parallel loop: a function that computes the results of consecutive items. `ParallelLoop` runs it on
 * leased workers and in the calling thread.
 *
 * It must be pure: it depends on nothing but its piece, and changes nothing but `output`. A piece may run twice, when its
 * worker is lost or late.
 *
 * @example
 * export const halve = kernel({ input: Float64Array, output: Float64Array }, ({ input, output }) => {
 *   for (let i = 0; i < input.length; i++) output[i] = input[i]! / 2
 * })
 * @throws {RfaasError} `invalid_argument` when the shape has something else than typed arrays
 */
export function kernel<
  O extends Elements,
  I extends Elements | undefined = undefined,
  C extends Elements | undefined = undefined,
>(shape: KernelShape<I, O, C>, run: (piece: Piece<I, O, C>) => void): Kernel<I, O, C> {
  checkShape(shape)
  return Object.assign(rawKernel(shape, run), { [KERNEL]: { shape, run } })
}

/** The parts of a kernel; null for anything else. @internal */
export function kernelParts<I, O, C>(value: Kernel<I, O, C>): KernelParts<I, O, C>
export function kernelParts(value: unknown): KernelParts<unknown, unknown, unknown> | null
export function kernelParts(value: unknown): KernelParts<unknown, unknown, unknown> | null {
  return typeof value === 'function' && KERNEL in value
    ? (value as unknown as Kernel<unknown, unknown, unknown>)[KERNEL]
    : null
}

/** The kernel as the workers run it, on slots. */
function rawKernel<I, O, C>(shape: KernelShape<I, O, C>, run: (piece: Piece<I, O, C>) => void): RawFunction {
  // All of them have what is used here.
  const Input = shape.input as Float64ArrayConstructor | undefined
  const Output = shape.output as Float64ArrayConstructor
  const Common = shape.common as Float64ArrayConstructor | undefined
  return raw((inputBytes, outputBytes) => {
    const startMs = performance.now()
    const buffer = inputBytes.buffer as ArrayBuffer
    const { byteOffset } = inputBytes
    const head = new Float64Array(buffer, byteOffset, PIECE_HEAD_BYTES / 8)
    const first = head[HEAD_FIRST]!
    const count = head[HEAD_COUNT]!
    const common = Common && new Common(buffer, byteOffset + PIECE_HEAD_BYTES, head[HEAD_COMMON])
    const at = byteOffset + itemsAt(common?.byteLength ?? 0)
    const input = Input && new Input(buffer, at, count * head[HEAD_INPUT_PER_ITEM]!)
    const outputBuffer = outputBytes.buffer as ArrayBuffer
    const output = new Output(outputBuffer, outputBytes.byteOffset, count * head[HEAD_OUTPUT_PER_ITEM]!)
    run({ input, output, common, first, count } as never)
    const tookFrom = tookAt(output.byteLength)
    new Float64Array(outputBuffer, outputBytes.byteOffset + tookFrom, 1)[0] = performance.now() - startMs
    return tookFrom + TOOK_BYTES
  })
}

function checkShape(shape: KernelShape<unknown, unknown, unknown>): void {
  for (const name of ['input', 'output', 'common'] as const) {
    const elements = shape[name]
    if (typeof elements === 'function' && 'BYTES_PER_ELEMENT' in elements) continue
    if (elements === undefined && name !== 'output') continue
    const sentence = `Cannot make a kernel: ${name} must be the constructor of a typed array, for instance Float64Array`
    throw new RfaasError('invalid_argument', sentence)
  }
}
