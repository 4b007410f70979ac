import { strict as assert } from 'node:assert'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Ends a wait for what never comes. What is awaited usually comes within milliseconds, or within the interval by which a
 * test has configured it; a busy machine may take far longer, and that is no failure.
 */
export const NOTICED_MS_MAX: number = 30_000 * Number(process.env['RFAAS_TEST_PATIENCE'] ?? 1)

/** How often state of other processes is polled. */
const LOOK_EVERY_MS = 20

/** The outcome of `work`, which must come within `limitMs`. */
export async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`${what}: not within ${limitMs} ms`)), limitMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Polls until `look` returns `expected`; the failure shows what it returned last. */
export async function becomes<T>(expected: T, look: () => T | Promise<T>, limitMs = NOTICED_MS_MAX): Promise<void> {
  const endMs = performance.now() + limitMs
  for (;;) {
    const found = await look()
    try {
      assert.deepEqual(found, expected)
      return
    } catch (error) {
      if (performance.now() > endMs) throw error
    }
    await delay(LOOK_EVERY_MS)
  }
}

/** Polls until `isSo` accepts what `look` returns, and returns it. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  isSo: (found: T) => boolean,
  limitMs = NOTICED_MS_MAX,
): Promise<T> {
  const endMs = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (isSo(found)) return found
    if (performance.now() > endMs) throw new Error(`${what}: not within ${limitMs} ms`)
    await delay(LOOK_EVERY_MS)
  }
}
