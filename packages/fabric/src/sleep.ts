/**
 * The longest uninterrupted sleep. A thread that is blocked in native code notices neither `worker.terminate()` nor
 * `process.exit()`, and both wait for it. After each sleep of this length Node can end the thread; otherwise it sleeps
 * again. Costs some 120 µs of CPU a second.
 */
export const SLEEP_MS_MAX = 1000
