import type { Lease } from 'rfaas'

/** Some work that can be done in this thread alone, and on leased workers with or without this thread. */
export interface Application<M> {
  readonly title: string
  /** The module with its functions. */
  readonly functions: URL
  /** Does all of the work in this thread. */
  alone(): void
  /**
   * Prepares the same work on the workers of a lease.
   *
   * @param caller whether this thread takes part
   */
  on(lease: Lease<M>, caller: boolean): Run | Promise<Run>
  /** Makes the result of the last run unusable, so that a missing part of the next one is found. */
  forget(): void
  /**
   * Checks the result of the last run; returns a sentence about it.
   *
   * @throws {RfaasError} `internal` when it is wrong
   */
  check(): string
}

/** Prepared work, which can be done again and again. */
export interface Run extends Disposable {
  run(): void | Promise<void>
}
