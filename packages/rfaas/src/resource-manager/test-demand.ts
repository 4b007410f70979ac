import type { Demand } from './fit.ts'

/** For tests: one core and one MiB on any node, overridden by `rest`. */
export function testDemand(rest: Partial<Demand> = {}): Demand {
  return {
    cores: 1,
    coresMin: rest.cores ?? 1,
    memoryMib: 1,
    resources: {},
    labels: {},
    nodeId: '',
    avoidNodeIds: [],
    nodesMax: 1,
    fabrics: [],
    hostId: '',
    policy: 'pack',
    ...rest,
  }
}
