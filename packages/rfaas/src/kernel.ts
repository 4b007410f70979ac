import { RfaasError } from './errors.ts'
import { raw, type RawFunction } from './raw.ts'
import {
  HEAD_COMMON,
  HEAD_COUNT,
  HEAD_FIRST,
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

/** What the items of a loop are made of. */
export interface KernelShape<I, O, C> {
  /** One item of the input: the typed array, and how many of its elements. Default: items have no input. */
  readonly input?: readonly [elements: I, perItem: number]
  /** The result of one item, likewise. */
  readonly output: readonly [elements: O, perItem: number]
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
 * export const halve = kernel({ input: [Float64Array, 1], output: [Float64Array, 1] }, ({ input, output }) => {
 *   for (let i = 0; i < input.length; i++) output[i] = input[i]! / 2
 * })
 * @throws {RfaasError} `invalid_argument` when the shape has no elements
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
  const { input: inputShape, output: outputShape, common: Common } = shape
  const [Output, outputPerItem] = outputShape as unknown as [Elements, number]
  return raw((input, output) => {
    const startMs = performance.now()
    const { buffer, byteOffset } = input
    const head = new Float64Array(buffer, byteOffset, PIECE_HEAD_BYTES / 8)
    const first = head[HEAD_FIRST]!
    const count = head[HEAD_COUNT]!
    const commonLength = head[HEAD_COMMON]!
    const CommonArray = Common as Elements | undefined
    const common = CommonArray && new CommonArray(buffer as ArrayBuffer, byteOffset + PIECE_HEAD_BYTES, commonLength)
    const at = byteOffset + itemsAt(common?.byteLength ?? 0)
    const [Input, inputPerItem] = (inputShape ?? [undefined, 0]) as unknown as [Elements | undefined, number]
    const items = Input && new Input(buffer as ArrayBuffer, at, count * inputPerItem)
    const results = new Output(output.buffer as ArrayBuffer, output.byteOffset, count * outputPerItem)
    run({ input: items, output: results, common, first, count } as Piece<I, O, C>)
    const tookFrom = tookAt(results.byteLength)
    new Float64Array(output.buffer, output.byteOffset + tookFrom, 1)[0] = performance.now() - startMs
    return tookFrom + TOOK_BYTES
  })
}

function checkShape({ input, output }: KernelShape<unknown, unknown, unknown>): void {
  for (const [name, field] of [
    ['input', input],
    ['output', output],
  ] as const) {
    if (name === 'input' && field === undefined) continue
    const [elements, perItem] = Array.isArray(field) ? (field as [unknown, unknown]) : []
    if (
      typeof elements === 'function' &&
      'BYTES_PER_ELEMENT' in elements &&
      Number.isSafeInteger(perItem) &&
      (perItem as number) > 0
    )
      continue
    const sentence = `Cannot make a kernel: ${name} must be a typed array and how many elements an item has, for instance [Float64Array, 1]`
    throw new RfaasError('invalid_argument', sentence)
  }
}
