/** How the exported functions of a module are called: with their arguments, or as handlers of AWS Lambda. */
export type FunctionKind = 'functions' | 'lambda'

export const KINDS: readonly FunctionKind[] = ['functions', 'lambda']

/** The export by which a bundle says of which kind its functions are; absent: `functions`. */
export const KIND_EXPORT = 'rfaas.kind'
