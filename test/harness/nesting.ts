import { connect, type FabricChoice } from 'rfaas'

import type * as Own from './nesting.ts'

/* Functions that test/nested.test.ts invokes. */

export const square = (x: number): number => x * x

/** Leases a worker of its own for the squares. */
export async function sumOfSquares(managerUrl: string, numbers: number[], fabric: FabricChoice): Promise<number> {
  await using cluster = await connect(managerUrl)
  await using lease = await cluster.lease<typeof Own>({ functions: import.meta.url, fabric })
  return (await lease.map.square(numbers)).reduce((sum, x) => sum + x, 0)
}
