import { createHash, randomBytes } from 'node:crypto'

import { FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import type { PackedForm } from '../../control/packed-stream.ts'
import type { TestManager } from '../test-manager.ts'

/* What a client does to deploy functions, for tests of the registry. */

export const functions: { name: string; raw: boolean }[] = [
  { name: 'price', raw: false },
  { name: 'sum', raw: true },
]

export const newId = (): string => randomBytes(16).toString('hex')

export const digest = (code: Uint8Array): string => createHash('sha256').update(code).digest('hex')

/** Uploads a bundle slice by slice, and returns the id of the upload. */
export async function upload({ rpc }: TestManager, code: Uint8Array, uploadId: string = newId()): Promise<string> {
  for (let offset = 0; offset < code.length; offset += FUNCTIONS_SLICE_BYTES) {
    await rpc.uploadFunctions({ uploadId, offset, slice: code.subarray(offset, offset + FUNCTIONS_SLICE_BYTES) })
  }
  return uploadId
}

/** How a module is announced. */
export const formOf = (code: Uint8Array): PackedForm => ({ sha256: digest(code), bytes: code.length, manifestBytes: 0 })

/** Uploads only what the manager does not have. @returns version, and whether it is new */
export async function deployAll(
  manager: TestManager,
  name: string,
  code: Uint8Array,
  form: PackedForm = formOf(code),
): Promise<[number, boolean]> {
  const request = { name, ...form, functions }
  const deployed = await manager.rpc.deployFunctions(request).catch(async (error: { code?: string }) => {
    if (error.code !== 'not_found') throw error
    return manager.rpc.deployFunctions({ ...request, uploadId: await upload(manager, code) })
  })
  return [deployed.functions!.version, deployed.isNew]
}

export async function readAll({ rpc }: TestManager, sha256: string, bytes: number): Promise<Buffer> {
  const slices: Uint8Array[] = []
  for (let offset = 0; offset < bytes; offset += FUNCTIONS_SLICE_BYTES) {
    slices.push((await rpc.readFunctions({ sha256, offset })).slice)
  }
  return Buffer.concat(slices)
}
