import { FabricError } from '../errors.ts'
import { verbsNative, hostNative, systemReason } from '../native.ts'

const EAGAIN = -11
const EACCES = -13

/**
 * Waits on the event loop until a connection is established. Closes the connection on failure.
 *
 * @throws {FabricError} `refused`, `unreachable`, `system`
 */
export function establish(id: number, whom: string, timeoutMs: number): Promise<void> {
  const native = verbsNative()
  const loop = hostNative()
  const established = Promise.withResolvers<void>()
  const finish = (error?: FabricError): void => {
    clearTimeout(timer)
    loop.watchStop(watch)
    if (error) {
      native.ofiClose(id)
      established.reject(error)
    } else {
      established.resolve()
    }
  }
  const look = (): void => {
    const result = native.ofiEstablish(id)
    if (result === 0) finish()
    else if (result === EACCES) {
      finish(new FabricError('refused', `Cannot connect to ${whom}: the secret or the geometry was not accepted`))
    } else if (result !== EAGAIN) {
      finish(new FabricError('unreachable', `Cannot connect to ${whom}: ${systemReason(result)}`))
    }
  }
  const watch = loop.watchStart(native.ofiDescriptor(id), look)
  const timer = setTimeout(() => {
    finish(new FabricError('unreachable', `Cannot connect to ${whom}: no answer in ${timeoutMs} ms`))
  }, timeoutMs)
  if (watch < 0) {
    finish(new FabricError('system', `Cannot watch a connection: ${systemReason(watch)}`))
  } else {
    loop.watchReference(watch, 1)
    look()
  }
  return established.promise
}
