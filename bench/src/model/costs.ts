/** What one way of reaching workers costs. All of them are upper bounds where one number stands for both sides. */
export interface FabricCosts {
  name: string
  /** Time of the calling thread for one invocation: sending it, and taking its result. */
  callerNs: number
  /** The same for one byte, of input or result. */
  callerNsPerByte: number
  /** Time of the worker for one invocation, beside its function. */
  workerNs: number
  /** The same for one byte. */
  workerNsPerByte: number
  /** Round trip of one hot invocation: what a run waits for before its first result. */
  latencyNs: number
  /** What a worker that sleeps takes longer to answer the first invocation of a run. */
  wakeNs: number
  /** Bytes a second that the caller's link carries in each direction at once; `Infinity` without a link. */
  bytesPerSecond: number
}

/** A program whose items are independent: the time of all of them, and what travels. */
export interface Job {
  name: string
  /** Time of one run in the calling thread alone, while nothing else runs. */
  workNs: number
  /** Work of one invocation; null when it follows from the size of the run, as in a parallel loop. */
  pieceNs: number | null
  /** Input of all items, in bytes. It travels for those items that workers compute. */
  inputBytes: number
  /** Results of all items, in bytes. */
  outputBytes: number
  /** Sent to each worker once, before the run. */
  commonBytes: number
  /** Sent with each invocation, beside its items. */
  callBytes: number
  /** How fast a core computes the work while the other cores compute it, too: 1 when it loses nothing. */
  efficiency: number
}
