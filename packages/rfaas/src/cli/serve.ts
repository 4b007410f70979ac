import { Interrupted } from './exit.ts'
import { stopSignals } from './stop.ts'

/** How long a stopped command may take to drain; then it gives up, and the processes that it started die with it. */
export const DRAIN_MS_MAX = 10_000

/** What a command runs until it is stopped. */
export interface Service {
  close(): Promise<void>
  /** Resolves with the reason when it cannot go on. */
  readonly replaced?: Promise<Error>
}

/**
 * Runs something until SIGINT, SIGTERM or SIGHUP, or until it says that it cannot go on, then drains it. A signal during the
 * start counts, too. A second signal ends the process at once.
 *
 * @param start starts it; its failure is the command's
 * @param ready says that it runs, and where
 * @param drainMsMax how long draining may take. Default DRAIN_MS_MAX
 * @throws {Error} when draining took longer, or why it could not go on
 */
export async function serveUntilStopped<T extends Service>(
  start: () => Promise<T>,
  ready: (service: T) => void,
  drainMsMax: number = DRAIN_MS_MAX,
): Promise<void> {
  using stop = stopSignals()
  let failure: Error | null = null
  const started = start()
  const first = await Promise.race([started, stop.stopped])
  if (first !== undefined) {
    ready(first)
    failure = (await Promise.race([stop.stopped, ...(first.replaced === undefined ? [] : [first.replaced])])) ?? null
    if (failure === null && process.stderr.isTTY) process.stderr.write('\nDraining; Ctrl-C again ends it at once.\n')
  }
  await within(
    drainMsMax,
    started.then((service) => service.close()),
  )
  if (failure !== null) throw failure
}

/** Tells a command that the user wants it to end. */
export interface Interruption {
  readonly signal: AbortSignal
  /** Lets `work` go on until the interruption, then throws {@link Interrupted}, so that `await using` cleans up. */
  race<T>(work: Promise<T>): Promise<T>
}

/**
 * Runs a command that ends by itself, or at the first signal as soon as it has cleaned up, in at most DRAIN_MS_MAX.
 *
 * @throws {Interrupted} after a signal
 */
export async function untilInterrupted<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
  using stop = stopSignals()
  const interrupted = stop.stopped.then(() => Promise.reject(new Interrupted('Interrupted before it was done')))
  // A command that awaits no `race` when the signal comes must not cause an unhandled rejection.
  interrupted.catch(() => {})
  const done = work({ signal: stop.signal, race: (part) => Promise.race([interrupted, part]) })
  const late = stop.stopped.then(() => within(DRAIN_MS_MAX, done))
  // Awaited here, because `using` releases the signals when the function is left.
  return await Promise.race([done, late])
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`Cannot drain: not done after ${limitMs / 1000} s`)), limitMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
