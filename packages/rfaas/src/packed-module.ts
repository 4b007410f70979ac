/** Path of the module in a packed bundle, and in the folder where a node has unpacked it. */
export const PACKED_MODULE = 'module.mjs'
