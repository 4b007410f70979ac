import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { liveHeapMib } from './live-heap.ts'

/* Functions that stream, for the system tests. */

/** What has happened at this worker, in order. */
const log: string[] = []

export const told = (): string[] => log.splice(0)

export function* count(from: number, to: number): Generator<number, string, undefined> {
  try {
    for (let n = from; n < to; n++) yield n
    return `counted to ${to}`
  } finally {
    log.push('count is over')
  }
}

let furthest = 0

/** Counts for ever; {@link reached} tells how far. */
export async function* forever(): AsyncGenerator<number> {
  try {
    for (furthest = 0; ; furthest++) yield furthest
  } finally {
    log.push(`forever is over`)
  }
}

export const reached = (): number => furthest

export async function* slowly(pauses: number): AsyncGenerator<{ at: number }> {
  for (let at = 0; at < pauses; at++) {
    yield { at }
    await delay(5)
  }
}

/** Gives one item, then waits until the file `gate` exists. */
export async function* waits(gate: string): AsyncGenerator<string> {
  try {
    yield 'first'
    while (!existsSync(gate)) await delay(2)
    yield 'second'
  } finally {
    log.push('waits is over')
  }
}

export async function* fails(after: number): AsyncGenerator<number> {
  for (let n = 0; n < after; n++) yield n
  throw new RangeError('no more')
}

/** Items of these sizes. */
export function* texts(...sizes: number[]): Generator<string> {
  for (const size of sizes) yield 'x'.repeat(size)
}

export function* withFunction(): Generator<unknown> {
  try {
    yield 1
    yield { f: () => {} }
  } finally {
    log.push('withFunction is over')
  }
}

/** Keeps the worker busy for each item. */
export function* computes(items: number, ms: number): Generator<number> {
  for (let n = 0; n < items; n++) {
    const endMs = performance.now() + ms
    while (performance.now() < endMs);
    yield n
  }
}

export async function* failsAtTheEnd(): AsyncGenerator<number> {
  try {
    for (;;) yield 1
  } finally {
    throw new RangeError('cannot close')
  }
}

export const aside = (): Generator<number, string, undefined> => count(0, 1)

export const add = (a: number, b: number): number => a + b

export async function* exits(): AsyncGenerator<number> {
  yield 1
  await delay(5)
  process.exit(3)
}

/* An argument that streams in. */

export async function sum(numbers: AsyncIterable<number>, from = 0): Promise<number> {
  let sum = from
  for await (const n of numbers) sum += n
  return sum
}

/** Reads so many numbers, and no more. */
export async function firstOf(numbers: AsyncIterable<number>, count: number): Promise<number[]> {
  const first: number[] = []
  for await (const n of numbers) if (first.push(n) >= count) break
  return first
}

/** Reads `count` numbers, then waits until the file `gate` exists. */
export async function readsThenWaits(
  numbers: AsyncGenerator<number, unknown, undefined>,
  count: number,
  gate: string,
): Promise<void> {
  for (let n = 0; n < count; n++) await numbers.next()
  while (!existsSync(gate)) await delay(2)
}

export async function sizesOf(texts: AsyncIterable<string>): Promise<number[]> {
  const sizes: number[] = []
  for await (const { length } of texts) sizes.push(length)
  return sizes
}

/** Tells {@link told} what its argument has thrown. */
export async function catches(numbers: AsyncIterable<number>): Promise<void> {
  try {
    for await (const _ of numbers);
  } catch (error) {
    const { name, message, code, cause } = error as Error & { code?: unknown }
    log.push([error instanceof RangeError, name, message, code, cause instanceof TypeError].join())
    throw error
  }
}

export async function throwsAfter(numbers: AsyncIterable<number>, count: number): Promise<void> {
  let read = 0
  for await (const _ of numbers) if (++read === count) throw new RangeError('enough')
}

export async function* doubles(numbers: AsyncIterable<number>): AsyncGenerator<number> {
  try {
    for await (const n of numbers) yield 2 * n
  } finally {
    log.push('doubles is over')
  }
}

export async function exitsAfter(numbers: AsyncIterable<number>, count: number): Promise<void> {
  let read = 0
  for await (const _ of numbers) if (++read === count) process.exit(3)
}

/** Adds numbers, and tells by how much the live heap of this worker grew meanwhile, in MiB. */
export async function sumAndGrowth(
  items: AsyncIterable<{ n: number; filler: string }>,
): Promise<{ sum: number; grownMib: number }> {
  let sum = 0
  let firstMib = 0
  let grownMib = 0
  for await (const { n } of items) {
    sum += n
    if (n % 100_000 !== 50_000) continue
    const mib = liveHeapMib()
    if (firstMib === 0) firstMib = mib
    grownMib = Math.max(grownMib, mib - firstMib)
  }
  return { sum, grownMib }
}
