import { constants } from 'node:os'

// npm passes on a Ctrl-C that the terminal has given to us already: both are one key press.
const SAME_PRESS_MS = 250

/** Somebody wants the job to end before it is done. */
export class Interrupted extends Error {
  /** What shells expect: 130 for Ctrl-C. */
  readonly exitCode: number

  constructor(signal: NodeJS.Signals) {
    super(`Interrupted by ${signal}; all processes were stopped`)
    this.name = 'Interrupted'
    this.exitCode = 128 + constants.signals[signal]
  }
}

/**
 * Fires at the first SIGINT, SIGTERM or SIGHUP, with Interrupted as its reason. A second one ends this process at once,
 * and the kernel all others with it.
 */
export function onInterrupt(): AbortSignal {
  const controller = new AbortController()
  let firstMs = -1
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const nowMs = performance.now()
      if (firstMs < 0) {
        firstMs = nowMs
        controller.abort(new Interrupted(signal))
      } else if (nowMs - firstMs > SAME_PRESS_MS) {
        process.exit(128 + constants.signals[signal])
      }
    })
  }
  return controller.signal
}
