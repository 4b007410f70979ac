/** What modules of functions import: `rfaas/functions`. */
export { kernel, type ArrayOf, type Elements, type Kernel, type KernelShape, type Piece } from './kernel.ts'
export { isRaw, raw, type RawFunction } from './raw.ts'
