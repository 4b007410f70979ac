import { FabricError } from './errors.ts'

/**
 * Splits `IP:port` or `[IPv6]:port`; both parts stay text.
 *
 * @throws {FabricError} `invalid_argument`
 */
export function parseAddress(address: string): { host: string; port: string } {
  const [, six, four, port] = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address) ?? []
  const host = six ?? four
  if (host === undefined || port === undefined) {
    const reason = `the address must be IP:port or [IPv6]:port, not '${address}'`
    throw new FabricError('invalid_argument', `Cannot connect: ${reason}`)
  }
  return { host, port }
}
