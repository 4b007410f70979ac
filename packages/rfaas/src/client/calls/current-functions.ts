import { RfaasError } from '../../errors.ts'
import type { RemoteFunction } from './wire.ts'

/** The functions of a lease as its present workers number them, which differs from earlier ones after an update. */
export class CurrentFunctions {
  /** null before the first update: then every function is as it was given. */
  #byName: ReadonlyMap<string, RemoteFunction> | null = null

  update(functions: readonly RemoteFunction[]): void {
    this.#byName = new Map(functions.map((f) => [f.name, f]))
  }

  /** The function of this name and kind; null when an update has removed it. */
  find(f: RemoteFunction): RemoteFunction | null {
    if (this.#byName === null) return f
    const found = this.#byName.get(f.name)
    return found !== undefined && (found.streams ?? false) === (f.streams ?? false) ? found : null
  }

  /**
   * As {@link find}.
   *
   * @throws {RfaasError} `unknown_function` when an update has removed it
   */
  newest(f: RemoteFunction): RemoteFunction {
    const found = this.find(f)
    if (found !== null) return found
    const has = this.#byName!.has(f.name)
      ? 'it is another kind of function: one of the two streams'
      : `the module has ${[...this.#byName!.keys()].join(', ')}`
    const sentence = `Cannot invoke ${f.name}: since the lease was updated, ${has}`
    throw new RfaasError('unknown_function', sentence, { outcome: 'not_run' })
  }
}
