/** How much to measure. What comes first ends it: the trips, or the time. At least one trip is made. */
export interface Effort {
  trips: number
  /** For warming up, which ends as the measurement does. */
  warmupMs: number
  budgetMs: number
}

/** The bounds of one measurement. */
export type Bounds = Pick<Effort, 'trips' | 'budgetMs'>
