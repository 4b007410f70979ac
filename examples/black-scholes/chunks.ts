/** Invocations in flight for each worker: one runs, one waits in the worker's memory, one's result is fetched. */
export const IN_FLIGHT_PER_WORKER = 3

/** A chunk takes about this long, so that an invocation costs little beside it and the end comes evenly. */
const CHUNK_MS = 0.5
/** A chunk that takes less is not worth its way to a worker. */
const CHUNK_MS_MIN = 0.1
/** Every worker gets at least so many chunks, else a slow one is waited for at the end. */
const CHUNKS_PER_WORKER_MIN = 8
/** Rows of a chunk lie in the cache of a core, which is often half a megabyte, together with what else is used. */
const CHUNK_OPTIONS_MAX = 8_192

/** How a portfolio is shared out. */
export interface Chunks {
  /** Options of a chunk; the last one may have fewer. */
  options: number
  /** The smallest portfolio that is worth sharing out among these workers, in options. */
  worthwhileOptions: number
}

/**
 * Sizes chunks by what an option costs.
 *
 * @param count options of the portfolio
 * @param msPerOption measured in this thread
 */
export function chunksOf(count: number, workers: number, msPerOption: number): Chunks {
  const fair = Math.ceil(count / (workers * CHUNKS_PER_WORKER_MIN))
  const options = Math.max(1, Math.min(CHUNK_OPTIONS_MAX, fair, Math.ceil(CHUNK_MS / msPerOption)))
  return { options, worthwhileOptions: Math.ceil((CHUNK_MS_MIN / msPerOption) * workers * CHUNKS_PER_WORKER_MIN) }
}
