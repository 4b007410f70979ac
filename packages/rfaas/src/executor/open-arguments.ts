import { RfaasError } from '../errors.ts'
import { idEnd, type CancelReason } from '../protocol/cancel.ts'
import { ItemQueue, type Settle } from '../protocol/item-queue.ts'
import { SLOTS_MAX } from '../protocol/limits.ts'
import type { PayloadViews, SlotLayout } from '../protocol/slots.ts'
import type { SpareRoom } from '../protocol/spare-room.ts'
import { readItems } from '../protocol/stream-items.ts'
import {
  ITEMS_ENOUGH,
  ITEMS_HEAD_BYTES,
  ITEMS_SENT,
  ITEMS_SENT_LARGE,
  ITEMS_WANTED,
  itemsLength,
} from '../protocol/streamed-argument.ts'
import { printed } from '../thrown.ts'
import type { Answers } from './answers.ts'
import { ArgumentStream } from './argument-stream.ts'
import type { ServedFunction } from './served-function.ts'

interface OpenArgument {
  /** Of its invocation. */
  readonly id: number
  readonly queue: ItemQueue
  /** Whether the client has been told that items are wanted. */
  isWanted: boolean
}

/** The arguments that stream in, of invocations that are not answered, at most one in each slot. */
export class OpenArguments {
  readonly #layout: SlotLayout
  readonly #inputs: PayloadViews
  readonly #spare: SpareRoom
  readonly #answers: Answers
  readonly #answerLater: (answer: () => void) => void
  readonly #open = new Map<number, OpenArgument>()

  /** @param answerLater answers at a time when the client may be gone */
  constructor(
    layout: SlotLayout,
    inputs: PayloadViews,
    spare: SpareRoom,
    answers: Answers,
    answerLater: (answer: () => void) => void,
  ) {
    this.#layout = layout
    this.#inputs = inputs
    this.#spare = spare
    this.#answers = answers
    this.#answerLater = answerLater
  }

  /**
   * The function as an invocation with an argument that streams calls it: with one more argument in front, the place of that
   * one. The stream is over before the invocation is answered.
   */
  bind(f: ServedFunction, slot: number, id: number): ServedFunction {
    if (f.isRaw) return f
    const { wantsContext, streams } = f
    const whole = f.call as (...args: unknown[]) => unknown
    const placed = (at: unknown, args: unknown[]): unknown[] => {
      if (!Number.isInteger(at) || (at as number) < 0 || (at as number) >= args.length)
        throw new RfaasError('internal', `Cannot read the arguments: none of them is number ${printed(at)}`)
      return args.with(at as number, this.#begin(slot, id))
    }
    const generator = (at: unknown, ...args: unknown[]): unknown => {
      try {
        return whole(...placed(at, args))
      } catch (thrown) {
        this.end(slot)
        throw thrown
      }
    }
    const plain = async (at: unknown, ...args: unknown[]): Promise<unknown> => {
      try {
        return await whole(...placed(at, args))
      } finally {
        this.end(slot)
      }
    }
    const call = streams ? generator : plain
    // Says where the context belongs.
    Object.defineProperty(call, 'length', { value: whole.length + 1 })
    return { isPlainRaw: false, isRaw: false, wantsContext, streams, call }
  }

  /** Handles an immediate when it brings items. Those that nobody has asked for are ignored, as all that makes no sense. */
  hear(immediate: number): boolean {
    if (immediate < ITEMS_SENT || immediate >= ITEMS_SENT_LARGE + SLOTS_MAX) return false
    const isLarge = immediate >= ITEMS_SENT_LARGE
    const slot = immediate - (isLarge ? ITEMS_SENT_LARGE : ITEMS_SENT)
    if (slot >= this.#layout.slots || (isLarge && this.#layout.spareBytes === 0)) return true
    const argument = this.#open.get(slot)
    if (argument?.isWanted === true) {
      argument.isWanted = false
      this.#take(argument, slot, isLarge)
    }
    if (isLarge) {
      this.#spare.hasArrived = true
      this.#answers.tellTaken()
    }
    return true
  }

  /** The caller of an invocation has given up. */
  cancel(slot: number, end: number, reason: CancelReason): void {
    const argument = this.#open.get(slot)
    if (argument !== undefined && idEnd(argument.id) === end) giveUp(argument, reason)
  }

  /** The client of a slot reads no more of the function's own stream. */
  abort(slot: number): void {
    const argument = this.#open.get(slot)
    if (argument !== undefined) giveUp(argument, 'aborted')
  }

  /** The client is gone. */
  abortAll(): void {
    for (const argument of this.#open.values()) giveUp(argument, 'aborted')
  }

  /** The invocation of a slot is about to be answered. What reads its argument later learns why there is nothing. */
  end(slot: number): void {
    const argument = this.#open.get(slot)
    if (argument === undefined) return
    this.#open.delete(slot)
    argument.queue.drop()
    argument.queue.finish({ error: new RfaasError('closed', 'Cannot read the iterable: its call is over') })
  }

  #begin(slot: number, id: number): ArgumentStream {
    const isOpen = (): boolean => this.#open.get(slot) === argument
    const queue = new ItemQueue(() => {
      if (!isOpen()) return
      argument.isWanted = true
      this.#answerLater(() => this.#answers.notify(ITEMS_WANTED + slot))
    }, reject)
    const argument: OpenArgument = { id, queue, isWanted: false }
    this.#open.set(slot, argument)
    return new ArgumentStream(queue, () => {
      if (isOpen()) this.#enough(argument, slot)
    })
  }

  #enough(argument: OpenArgument, slot: number): void {
    argument.isWanted = false
    this.#answerLater(() => this.#answers.notify(ITEMS_ENOUGH + slot))
  }

  #take(argument: OpenArgument, slot: number, isLarge: boolean): void {
    const { queue } = argument
    try {
      const { values, isOver, returned, failure } = this.#read(slot, isLarge)
      queue.take(values)
      if (failure !== undefined) queue.finish({ error: failure.thrown })
      else if (isOver) queue.finish({ returned })
      else queue.goOn()
    } catch (error) {
      queue.finish({ error })
      this.#enough(argument, slot)
    }
  }

  /** @throws {RfaasError} `internal` when the client has sent no items */
  #read(slot: number, isLarge: boolean): ReturnType<typeof readItems> {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    const room = isLarge ? this.#spare.inbound(payloadBytesLargest) : this.#inputs.whole(slot)
    const bytes = room.length < ITEMS_HEAD_BYTES ? NaN : itemsLength(room)
    // Written so that NaN is refused, too.
    if (!(ITEMS_HEAD_BYTES + bytes <= (isLarge ? payloadBytesLargest : payloadBytesMax)))
      throw new RfaasError('internal', `Cannot read the items of an argument: they claim ${bytes} bytes`)
    return readItems(room.subarray(ITEMS_HEAD_BYTES), bytes, true)
  }
}

function giveUp(argument: OpenArgument, reason: CancelReason): void {
  const { queue } = argument
  argument.isWanted = false
  const code = reason === 'deadline' ? 'deadline_exceeded' : 'aborted'
  queue.drop()
  queue.finish({ error: new RfaasError(code, 'Cannot read the iterable: its caller has given up') })
}

function reject(settle: Settle, error: unknown): void {
  // Anything that a program throws travels, not only errors.
  settle(Promise.reject(error as Error))
}
