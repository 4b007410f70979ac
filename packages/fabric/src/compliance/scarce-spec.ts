import type { FabricName } from '../fabric.ts'

/** What the program that lacks descriptors does. */
export interface ScarceSpec {
  fabric: FabricName
  host: string
  does: 'open' | 'accept'
  /** With this many descriptors left everything must work. */
  descriptorsMax: number
}
