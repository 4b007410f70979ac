/**
 * Countable resources of a node beside cores and memory, leased out one by one, by name: `{ gpu: 2 }`. An absent name
 * counts as 0.
 */
export type Resources = Readonly<Record<string, number>>

export const NO_RESOURCES: Resources = {}

/** Returns the amount of one resource. Names come from outside, and may equal a property that every object inherits. */
export function amountOf(resources: Resources, name: string): number {
  return Object.hasOwn(resources, name) ? resources[name]! : 0
}

export function addResources(a: Resources, b: Resources): Resources {
  return combine(a, b, (x, y) => x + y)
}

/** Amounts are below 0 where `b` has more. */
export function subtractResources(a: Resources, b: Resources): Resources {
  return combine(a, b, (x, y) => x - y)
}

/** Leaves out amounts of 0, so that equal resources look equal. */
function combine(a: Resources, b: Resources, of: (x: number, y: number) => number): Resources {
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  const combined: Record<string, number> = {}
  for (const name of names) {
    const amount = of(amountOf(a, name), amountOf(b, name))
    if (amount !== 0) combined[name] = amount
  }
  return combined
}
