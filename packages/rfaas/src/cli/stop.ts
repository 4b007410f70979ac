import { EXIT } from './exit.ts'

// npm passes a Ctrl-C on to a process that has already received it from the terminal; both count as one key press.
const SAME_PRESS_MS = 250

/** The signals that end a process, as an AbortSignal and as a promise. */
export interface StopSignals {
  /** Fires at the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal
  /** Resolves when `signal` fires. */
  readonly stopped: Promise<void>
  /** Restores the default effect of the signals. */
  [Symbol.dispose](): void
}

/** Takes over the signals that end a process; from now on a second one ends it at once, with exit code 130. */
export function stopSignals(): StopSignals {
  const controller = new AbortController()
  const { promise: stopped, resolve } = Promise.withResolvers<undefined>()
  let firstMs: number | null = null
  const onSignal = (): void => {
    const nowMs = performance.now()
    if (firstMs !== null && nowMs - firstMs > SAME_PRESS_MS) process.exit(EXIT.interrupted)
    if (firstMs !== null) return
    firstMs = nowMs
    controller.abort()
    resolve(undefined)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  return {
    signal: controller.signal,
    stopped,
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}
