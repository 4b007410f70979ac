import type { ServiceImpl } from '@connectrpc/connect'
import { functionsNameProblem } from '../../control/functions-name.ts'
import type { FunctionInfo, ResourceManagerService } from '../../control/gen/rfaas_pb.ts'
import { FUNCTIONS_OF_MODULE_BYTES_MAX, FUNCTIONS_OF_MODULE_MAX, FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import { moduleSizeProblem, packedSizeProblem } from '../../control/packed-stream.ts'
import { RfaasError } from '../../errors.ts'
import type { Context } from '../context.ts'
import { quote } from '../requests.ts'
import type { DeployedVersion, FunctionRecord } from './records.ts'
import { deploy, find, list, read, undeploy } from './registry.ts'
import { upload } from './uploads.ts'

type Handlers = Pick<
  ServiceImpl<typeof ResourceManagerService>,
  'uploadFunctions' | 'deployFunctions' | 'findFunctions' | 'readFunctions' | 'listFunctions' | 'undeployFunctions'
>

/** The handlers for deployed functions: check messages, and convert results back to messages. */
export function functionsHandlers(context: Context): Handlers {
  return {
    async uploadFunctions({ uploadId, offset, slice }) {
      await upload(context, { uploadId: checkUploadId('Cannot take functions', uploadId), offset, slice })
      return {}
    },

    async deployFunctions({ name, sha256, bytes, manifestBytes, functions, uploadId }) {
      const action = `Cannot deploy ${quote(name)}`
      checkName('Cannot deploy functions', name)
      checkSha256(action, sha256)
      if (uploadId !== '') checkUploadId(action, uploadId)
      const problem = manifestBytes === 0 ? moduleSizeProblem(bytes) : packedSizeProblem({ bytes, manifestBytes })
      if (problem !== null) throw refused(action, problem)
      const checked = checkFunctions(action, functions)
      const { deployed, isNew } = await deploy(context, {
        name,
        sha256,
        bytes,
        manifestBytes,
        functions: checked,
        uploadId,
      })
      return { functions: toProto(deployed), isNew }
    },

    async findFunctions({ name, version }) {
      checkName('Cannot find functions', name)
      return { functions: toProto(await find(context, { name, version })) }
    },

    async readFunctions({ sha256, offset }) {
      const action = 'Cannot read functions'
      checkSha256(action, sha256)
      if (offset % FUNCTIONS_SLICE_BYTES !== 0) {
        throw refused(action, `offset is ${offset}, must be a multiple of ${FUNCTIONS_SLICE_BYTES}`)
      }
      return { slice: await read(context, sha256, offset) }
    },

    async listFunctions() {
      return { functions: (await list(context)).map(toProto) }
    },

    async undeployFunctions({ name, version }) {
      checkName('Cannot undeploy functions', name)
      return { functions: (await undeploy(context, { name, version })).map(toProto) }
    },
  }
}

function toProto({ functions, ...version }: DeployedVersion) {
  return { ...version, functions: [...functions] }
}

function checkName(action: string, name: string): void {
  const problem = functionsNameProblem(name)
  if (problem !== null) throw refused(action, problem)
}

function checkSha256(action: string, sha256: string): void {
  if (!/^[0-9a-f]{64}$/.test(sha256))
    throw refused(action, `sha256 is ${quote(sha256)}, must be 64 lower-case hex digits`)
}

function checkUploadId(action: string, uploadId: string): string {
  if (/^[0-9a-f]{32}$/.test(uploadId)) return uploadId
  throw refused(action, `upload_id is ${quote(uploadId)}, must be 32 lower-case hex digits`)
}

function checkFunctions(action: string, functions: readonly FunctionInfo[]): FunctionRecord[] {
  if (functions.length < 1 || functions.length > FUNCTIONS_OF_MODULE_MAX) {
    throw refused(action, `it has ${functions.length} functions, must have 1 to ${FUNCTIONS_OF_MODULE_MAX}`)
  }
  const bytes = functions.reduce((sum, { name }) => sum + Buffer.byteLength(name), 0)
  if (bytes > FUNCTIONS_OF_MODULE_BYTES_MAX) {
    throw refused(
      action,
      `the names of its functions have ${bytes} bytes, at most ${FUNCTIONS_OF_MODULE_BYTES_MAX} are allowed`,
    )
  }
  // They are printed into tables.
  const bad = functions.find(({ name }) => name === '' || /\p{Cc}/u.test(name))
  if (bad !== undefined) throw refused(action, `a function is called ${quote(bad.name)}`)
  return functions.map(({ name, raw }) => ({ name, raw }))
}

function refused(action: string, reason: string): RfaasError {
  return new RfaasError('invalid_argument', `${action}: ${reason}`)
}
