/** The runs of the bench `paper` on which the model is checked: work and bytes of one invocation, and worker counts. */
export interface Grain {
  /** Steps of the function; some 2 ns each. */
  steps: number
  /** Payload in each direction. */
  bytes: number
}

export const GRAINS: readonly Grain[] = [
  { steps: 3_000, bytes: 64 },
  { steps: 30_000, bytes: 64 },
  { steps: 30_000, bytes: 65_536 },
  { steps: 300_000, bytes: 64 },
]
export const GRAIN_FABRICS = ['local', 'tcp'] as const
export type GrainFabric = (typeof GRAIN_FABRICS)[number]

/** The one run that the model is fitted to: calls of tens of µs without bytes show what a core loses beside a busy one. */
export const FITTED: Grain & { fabric: GrainFabric; workers: number } = {
  steps: 30_000,
  bytes: 64,
  fabric: 'local',
  workers: 1,
}

/** Line of the runs of a grain in the records of the bench; x is the number of workers. */
export const grainLine = (fabric: GrainFabric, { steps, bytes }: Grain): string => `grain.${fabric}.${steps}.${bytes}`
/** Line of the same steps in a loop in the client; x is 0. */
export const aloneLine = ({ steps }: Pick<Grain, 'steps'>): string => `grain.alone.${steps}`
