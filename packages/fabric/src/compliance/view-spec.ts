import type { FabricName } from '../fabric.ts'

export const VIEW_USES = [
  'read by the thread pool',
  'written by the thread pool',
  'written to a file',
  'moved into another buffer',
  'moved to another thread',
] as const

/** What the view program does. */
export interface ViewSpec {
  fabric: FabricName
  host: string
  use: (typeof VIEW_USES)[number]
  rounds: number
}
