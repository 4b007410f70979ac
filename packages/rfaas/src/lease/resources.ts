/**
 * Things beside cores and memory that a node has a number of and leases out one by one, by name: `{ gpu: 2 }`. A name
 * that is absent is 0.
 */
export type Resources = Readonly<Record<string, number>>

export const NO_RESOURCES: Resources = {}

/** Names come from outside and may be those of what every object inherits. */
export function amountOf(resources: Resources, name: string): number {
  return Object.hasOwn(resources, name) ? resources[name]! : 0
}

export function addResources(a: Resources, b: Resources): Resources {
  return combine(a, b, (x, y) => x + y)
}

/** Below 0 where `b` has more. */
export function subtractResources(a: Resources, b: Resources): Resources {
  return combine(a, b, (x, y) => x - y)
}

/** Nothing is listed that is 0, so that equal ones look equal. */
function combine(a: Resources, b: Resources, of: (x: number, y: number) => number): Resources {
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  const combined: Record<string, number> = {}
  for (const name of names) {
    const amount = of(amountOf(a, name), amountOf(b, name))
    if (amount !== 0) combined[name] = amount
  }
  return combined
}
