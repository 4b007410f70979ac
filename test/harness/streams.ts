import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

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
