import type { FabricName } from '../fabric.ts'

/** What the program that lacks descriptors does. */
export interface ScarceSpec {
  fabric: FabricName
  host: string
  does: 'open' | 'accept'
  /** With so many left all must work. */
  descriptorsMax: number
}
