/* The invariants that must hold after each step. */

export const NO_CORE_TWICE = 'no core of a node is leased twice at one time'
export const NOT_PAST_EXPIRY = 'no lease lives past its expiry plus skew'
export const FENCES_GROW = 'fences only grow'
export const ONE_REASON = 'every closed lease has one reason'
export const ALL_COMES_BACK = 'all capacity comes back in the end'
export const NOT_UNDER_CLOSED = 'no accepted invocation runs under a closed lease'
export const ONLY_WHAT_IS_GRANTED = 'what a manager has answered is written down'
export const NO_DEFECTS = 'nothing fails for another reason than those that are foreseen'
