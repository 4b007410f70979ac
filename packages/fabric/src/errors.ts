/** What a fabric can refuse or lose. The list is closed. */
export type FabricErrorCode =
  /** An argument is out of its range; nothing was done. */
  | 'invalid_argument'
  /** No listener at that address, or it did not answer in time. */
  | 'unreachable'
  /** The listener did not accept the channel secret or the geometry. */
  | 'refused'
  /** Called after `close`. */
  | 'closed'
  /** The peer is gone. */
  | 'lost'
  /** The machine lacks what the fabric needs; the message says what. */
  | 'unsupported'
  /** The operating system or the provider failed; the message holds its reason. */
  | 'system'

/** The only error class that @rfaas/fabric throws. */
export class FabricError extends Error {
  readonly code: FabricErrorCode

  constructor(code: FabricErrorCode, sentence: string, options?: ErrorOptions) {
    super(`${code}: ${sentence}`, options)
    this.name = 'FabricError'
    this.code = code
  }
}
