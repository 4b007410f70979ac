/** Standard output or standard error. */
export type OutputStream = 1 | 2
