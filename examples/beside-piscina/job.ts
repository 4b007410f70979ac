/** What one call gives. */
export type Result = Uint8Array | string

/** A function of which many calls run on a pool of workers: piscina's threads, or leased ones. */
export interface Job {
  readonly title: string
  /** The module with the function. Its folder has the packages, piscina among them. */
  readonly functions: URL
  /** The function, in this thread and in piscina's. */
  readonly name: string
  /** The function that leased workers run: the same, or one that works in place and gives the same result. */
  readonly leasedName: string
  /** One for each call. */
  readonly inputs: readonly Uint8Array[]
  /**
   * Checks what this thread alone has computed; every other way must give the same, byte for byte.
   *
   * @returns a sentence about it
   * @throws {RfaasError} `internal` when it is wrong
   */
  check(results: readonly Result[]): Promise<string>
}
