import { createHash } from 'node:crypto'

import type { ManagerClient } from '../../control/client.ts'
import { formatFunctionsName } from '../../control/functions-name.ts'
import type { FunctionsName } from '../../control/functions-name.ts'
import { FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import { RfaasError } from '../../errors.ts'
import type { LeasedCode } from '../leases/send-bundle.ts'
import { checkFunctions } from './check-functions.ts'

/**
 * Asks the manager for the functions of this name. Their bytes are read only when a node does not have them, once per lease,
 * and checked against their SHA-256.
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
  const { name, version, sha256, bytes } = checkFunctions(functions)
  const deployed = formatFunctionsName({ name, version })
  let reading: Promise<Uint8Array<ArrayBuffer>> | null = null
  const read = (): Promise<Uint8Array<ArrayBuffer>> => {
    reading ??= download(rpc, `the functions ${deployed}`, sha256, bytes).catch((error: unknown) => {
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
      const code = await read()
      await node.putBundle({ token: token(), sha256, code })
      return form
    },
  }
}

async function download(
  rpc: ManagerClient['rpc'],
  what: string,
  sha256: string,
  bytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const refuse = (reason: string): never => {
    throw new RfaasError('internal', `Cannot use ${what}: ${reason}`)
  }
  const code = new Uint8Array(bytes)
  for (let offset = 0; offset < bytes; offset += FUNCTIONS_SLICE_BYTES) {
    const { slice } = await rpc.readFunctions({ sha256, offset })
    if (slice.byteLength !== Math.min(FUNCTIONS_SLICE_BYTES, bytes - offset)) {
      refuse(`the manager sent ${slice.byteLength} bytes at byte ${offset} of ${bytes}`)
    }
    code.set(slice, offset)
  }
  const actual = createHash('sha256').update(code).digest('hex')
  if (actual !== sha256) refuse(`the manager sent bytes with the SHA-256 ${actual}, not ${sha256}`)
  return code
}
