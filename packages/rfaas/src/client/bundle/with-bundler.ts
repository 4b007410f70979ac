import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setImmediate as turn } from 'node:timers/promises'
import { RfaasError } from '../../errors.ts'
import { shortageAdvice } from '../../shortage.ts'
import { isInstance, reasonOf } from '../../thrown.ts'
import { bundledAdvice } from './bundled-advice.ts'

/** Node.js publishes every child process here before it starts it. */
const CHANNEL = 'child_process'

/**
 * Runs a build with esbuild, which starts a child process at its first build. When that cannot be started, the child
 * emits an `error` that esbuild does not listen to yet (EMFILE), and the whole program would end with it.
 *
 * @throws {RfaasError} `unsupported` when the bundler cannot be started, or is inside another bundle; else what `build`
 * throws
 */
export async function withBundler<T>(build: () => Promise<T>): Promise<T> {
  let failure: unknown
  const listen = (message: unknown): void => {
    const { process: child } = message as { process: ChildProcess }
    child.on('error', (error) => (failure ??= error))
  }
  let building: Promise<T>
  subscribe(CHANNEL, listen)
  try {
    // esbuild starts its process in this very call, so that no other child is listened to.
    building = build()
  } catch (error) {
    // A failed start is told a moment later, and says more than what esbuild made of it.
    await turn()
    throw startFailed(failure ?? error)
  } finally {
    unsubscribe(CHANNEL, listen)
  }
  try {
    return await building
  } catch (error) {
    throw failure === undefined && !isBundled(error) ? error : startFailed(failure ?? error)
  }
}

function startFailed(error: unknown): RfaasError {
  const action = 'Cannot bundle functions'
  if (isBundled(error)) {
    const reason = `the bundler has itself been bundled; ${bundledAdvice()}`
    return new RfaasError('unsupported', `${action}: ${reason}`, { cause: error })
  }
  return new RfaasError('unsupported', `${action}: cannot start esbuild: ${reasonOf(error)}${shortageAdvice(error)}`, {
    cause: error,
  })
}

/** esbuild refuses to run from inside a bundle; as an ECMAScript module it misses `__filename` before it can say so. */
function isBundled(error: unknown): boolean {
  const reason = reasonOf(error)
  return (
    /JavaScript API cannot be bundled/.test(reason) || (isInstance(error, ReferenceError) && /__filename/.test(reason))
  )
}
