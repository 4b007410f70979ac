import type { ManagerClient } from '../../control/client.ts'
import { formatFunctionsName } from '../../control/functions-name.ts'
import type { FunctionsName } from '../../control/functions-name.ts'
import { RfaasError } from '../../errors.ts'
import { sendPacked, type LeasedCode } from '../leases/send-bundle.ts'
import { checkFunctions } from './check-functions.ts'
import { readModule, readPacked } from './download.ts'

/**
 * Asks the manager for the functions of this name. Their bytes are read only when a node does not have them, and checked
 * against their SHA-256: a module once per lease, a packed bundle for each such node, because it is not kept in memory.
 *
 * @throws {RfaasError} `not_found`; `manager_unreachable`
 */
export async function deployedCode({ rpc }: ManagerClient, wanted: FunctionsName): Promise<LeasedCode> {
  const { functions } = await rpc.findFunctions(wanted).catch((error: unknown) => {
    if (!(error instanceof RfaasError) || error.code !== 'not_found') throw error
    const text = formatFunctionsName(wanted)
    const advice = `deploy them with rfaas deploy FILE --name ${wanted.name}, or, if you mean a file, write ./${text}`
    throw new RfaasError('not_found', `${error.sentence}; ${advice}`, { cause: error })
  })
  const { name, version, sha256, bytes, manifestBytes } = checkFunctions(functions)
  const deployed = formatFunctionsName({ name, version })
  const source = { rpc, what: `the functions ${deployed}`, sha256, bytes, manifestBytes }
  let reading: Promise<Uint8Array<ArrayBuffer>> | null = null
  const moduleOnce = (): Promise<Uint8Array<ArrayBuffer>> => {
    reading ??= readModule(source).catch((error: unknown) => {
      // Tried again when they are needed again.
      reading = null
      throw error
    })
    return reading
  }
  const form = { bundleSha256: sha256, seenFiles: [] }
  return {
    sha256,
    deployed,
    formFor: () => Promise.resolve(form),
    send: async (node, _, token) => {
      if (manifestBytes > 0) await sendPacked(node, await readPacked(source), token)
      else {
        const code = await moduleOnce()
        await node.putBundle({ token: token(), sha256, code })
      }
      return form
    },
  }
}
