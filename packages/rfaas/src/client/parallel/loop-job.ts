import { RfaasError } from '../../errors.ts'
import { kernelParts, type Elements, type Kernel, type Piece } from '../../kernel.ts'
import {
  HEAD_COMMON,
  HEAD_COUNT,
  HEAD_FIRST,
  HEAD_INPUT_PER_ITEM,
  HEAD_OUTPUT_PER_ITEM,
  itemsAt,
  PIECE_HEAD_BYTES,
} from '../../protocol/piece-layout.ts'
import type { Range } from './ranges.ts'

/** Any typed array of numbers: all of them have what is used here. */
type Numbers = Float64Array
type NumbersConstructor = Float64ArrayConstructor

/** Writes the input of the items from `first` on into `into`. */
type Fill = (into: Numbers, first: number) => void

/** A kernel, and how many bytes its items take. */
export class LoopBody {
  readonly name: string
  readonly inputBytesPerItem: number
  readonly outputBytesPerItem: number
  readonly Common: NumbersConstructor | null
  readonly #Input: NumbersConstructor | null
  readonly #Output: NumbersConstructor
  readonly #inputPerItem: number
  readonly #outputPerItem: number
  readonly #run: (piece: Piece<Elements, Elements, Elements>) => void

  /** @param inputPerItem elements of an item, and of its result */
  constructor(name: string, kernel: Kernel<unknown, unknown, unknown>, inputPerItem: number, outputPerItem: number) {
    const { shape, run } = kernelParts(kernel)
    this.name = name
    this.#run = run as (piece: Piece<Elements, Elements, Elements>) => void
    this.#Input = (shape.input as NumbersConstructor | undefined) ?? null
    this.#Output = shape.output as NumbersConstructor
    this.Common = (shape.common as NumbersConstructor | undefined) ?? null
    this.#inputPerItem = this.#Input ? inputPerItem : 0
    this.#outputPerItem = outputPerItem
    this.inputBytesPerItem = this.#inputPerItem * (this.#Input?.BYTES_PER_ELEMENT ?? 0)
    this.outputBytesPerItem = outputPerItem * this.#Output.BYTES_PER_ELEMENT
  }

  /**
   * One run of the loop.
   *
   * @throws {RfaasError} `invalid_argument` when an array is not what the kernel takes
   */
  job(items: unknown, output: unknown, common: unknown): LoopJob {
    const [count, input, fill] = this.#items(items)
    if (output !== undefined) this.#check('output', output, this.#Output, count * this.#outputPerItem)
    if (common !== undefined || this.Common !== null) this.#check('common', common, this.Common)
    return {
      count,
      input,
      fill,
      output: (output as Numbers | undefined) ?? new this.#Output(count * this.#outputPerItem),
      common: (common as Numbers | undefined) ?? null,
    }
  }

  /** Computes items in this thread, each result to its place. */
  compute(job: LoopJob, { first, count }: Range): void {
    const isWhole = count === job.count
    const from = first * this.#outputPerItem
    const output = isWhole ? job.output : job.output.subarray(from, from + count * this.#outputPerItem)
    let input: Numbers | undefined
    if (job.fill !== null) job.fill((input = new this.#Input!(count * this.#inputPerItem)), first)
    else if (job.input !== null) input = isWhole ? job.input : this.#inputOf(job.input, first, count)
    this.#run({ input, output, common: job.common ?? undefined, first, count } as never)
  }

  /** Writes items into the input of a slot; returns how many bytes they take. */
  write(job: LoopJob, { first, count }: Range, slot: Uint8Array): number {
    const { buffer, byteOffset } = slot
    const head = new Float64Array(buffer, byteOffset, PIECE_HEAD_BYTES / 8)
    head[HEAD_FIRST] = first
    head[HEAD_COUNT] = count
    head[HEAD_COMMON] = job.common?.length ?? 0
    head[HEAD_INPUT_PER_ITEM] = this.#inputPerItem
    head[HEAD_OUTPUT_PER_ITEM] = this.#outputPerItem
    if (job.common !== null)
      new this.Common!(buffer as ArrayBuffer, byteOffset + PIECE_HEAD_BYTES, job.common.length).set(job.common)
    const at = itemsAt(job.common?.byteLength ?? 0)
    if (this.#Input !== null) {
      const into = new this.#Input(buffer as ArrayBuffer, byteOffset + at, count * this.#inputPerItem)
      if (job.fill !== null) job.fill(into, first)
      else into.set(this.#inputOf(job.input!, first, count))
    }
    return at + count * this.inputBytesPerItem
  }

  /** Copies the results of items from the output of a slot to their places. */
  read(job: LoopJob, { first, count }: Range, slot: Uint8Array): void {
    const results = new this.#Output(slot.buffer as ArrayBuffer, slot.byteOffset, count * this.#outputPerItem)
    job.output.set(results, first * this.#outputPerItem)
  }

  #inputOf(input: Numbers, first: number, count: number): Numbers {
    return input.subarray(first * this.#inputPerItem, (first + count) * this.#inputPerItem)
  }

  #items(items: unknown): [count: number, input: Numbers | null, fill: Fill | null] {
    if (this.#Input === null) {
      if (!isCount(items))
        this.#refuse(`its items have no input, so they are given by their number, not ${said(items)}`)
      return [items, null, null]
    }
    if (isFilled(items)) return [items.count, null, items.fill]
    this.#check('the input', items, this.#Input)
    const input = items as Numbers
    if (input.length % this.#inputPerItem !== 0)
      this.#refuse(
        `the input has ${input.length} elements, which is no multiple of the ${this.#inputPerItem} of an item`,
      )
    return [input.length / this.#inputPerItem, input, null]
  }

  #check(what: string, value: unknown, Expected: NumbersConstructor | null, length?: number): void {
    if (Expected === null) return this.#refuse(`its kernel takes no ${what}`)
    if (!(value instanceof Expected)) this.#refuse(`${what} must be a ${Expected.name}, not ${said(value)}`)
    if (length !== undefined && value.length !== length)
      this.#refuse(`${what} must have ${length} elements, one result per item, not ${value.length}`)
  }

  #refuse(reason: string): never {
    throw new RfaasError('invalid_argument', `Cannot run the loop ${this.name}: ${reason}`, { outcome: 'not_run' })
  }
}

/** What one run of a loop computes. */
export interface LoopJob {
  readonly count: number
  /** null: items have none, or `fill` writes it. */
  readonly input: Numbers | null
  readonly fill: Fill | null
  readonly output: Numbers
  readonly common: Numbers | null
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isFilled(value: unknown): value is { count: number; fill: Fill } {
  if (typeof value !== 'object' || value === null || !('fill' in value) || !('count' in value)) return false
  return typeof value.fill === 'function' && isCount(value.count)
}

function said(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'an object') : String(value)
}
