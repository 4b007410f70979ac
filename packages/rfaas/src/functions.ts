/** What modules of functions import: `rfaas/functions`. */
export type { Context } from './context.ts'
export { kernel, type ArrayOf, type Elements, type Kernel, type KernelShape, type Piece } from './kernel.ts'
export type { LambdaCallback, LambdaContext, LambdaResult } from './lambda.ts'
export { isRaw, raw, type RawFunction } from './raw.ts'
export { shared } from './shared.ts'
export { lambda, rawWithContext, withContext, type ContextFunction } from './with-context.ts'
