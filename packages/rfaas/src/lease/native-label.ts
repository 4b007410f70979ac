import type { Labels } from './labels.ts'

/**
 * The label that a node has when its operator allows native code, for some tenants at least. A lease of native code asks for
 * it, so that the resource manager finds such a node.
 */
export const NATIVE_LABEL: Labels = { native: 'allowed' }
