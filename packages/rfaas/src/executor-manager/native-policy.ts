import { RfaasError } from '../errors.ts'
import { kindOfBundle } from '../executor/bundle-kind.ts'

/** For whom a node runs native code: for all tenants, for none, or for those of these names. */
export type AllowNative = boolean | readonly string[]

/** Whether a node runs bundles that are shared libraries. */
export class NativePolicy {
  readonly #allow: AllowNative
  readonly #inThreads: boolean

  /**
   * @param inThreads whether executors are threads of the node's process, which a fault in native code would end
   * @throws {RfaasError} `invalid_argument`
   */
  constructor(allow: AllowNative = false, inThreads: boolean = false) {
    if (typeof allow !== 'boolean' && !isNames(allow)) {
      const reason = `allowNative must be true, false or the names of tenants, not ${JSON.stringify(allow)}`
      throw new RfaasError('invalid_argument', `Cannot start node: ${reason}`)
    }
    this.#allow = allow
    this.#inThreads = inThreads
  }

  /** Whether there are tenants for whom native code runs. */
  get allowsSome(): boolean {
    return this.#allow !== false && !this.#inThreads
  }

  /** @throws {RfaasError} `unsupported` when the bundle is a shared library and this node does not run it for the tenant */
  check(bundlePath: string, tenant: string): void {
    if (this.#allow === true && !this.#inThreads) return
    if (kindOfBundle(bundlePath) !== 'native') return
    const refuse = (reason: string): never => {
      throw new RfaasError('unsupported', `Cannot start executor: the functions are native code, ${reason}`)
    }
    if (this.#inThreads)
      refuse('and executors of this node are threads of its own process, which native code could end')
    if (this.#allow === false)
      refuse(
        'which this node does not run; its operator can allow it (rfaas node --allow-native), or ask for one that does with the label native=allowed',
      )
    if (typeof this.#allow === 'boolean' || this.#allow.includes(tenant)) return
    refuse(`which this node does not run for tenant ${tenant}; its operator can allow it (--allow-native=${tenant})`)
  }
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string' && name !== '')
}
