/**
 * A thread that is blocked in native code hears neither `worker.terminate()` nor `process.exit()`, and both wait for it.
 * So no sleep is longer than this: then the thread looks up, and Node ends it or it sleeps on. Costs some 120 µs of CPU
 * a second.
 */
export const SLEEP_MS_MAX = 1000
