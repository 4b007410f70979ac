/**
 * How much to measure: until the number of trips or the time is reached, whichever is first. At least one trip is made.
 */
export interface Effort {
  trips: number
  /** Time for warming up, which also ends after `trips`. */
  warmupMs: number
  budgetMs: number
}

/** The bounds of one measurement. */
export type Bounds = Pick<Effort, 'trips' | 'budgetMs'>
