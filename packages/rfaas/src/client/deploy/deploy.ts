import { randomBytes } from 'node:crypto'

import type { ManagerClient } from '../../control/client.ts'
import { functionsNameProblem, nameToUndeploy } from '../../control/functions-name.ts'
import type { FunctionsInfo } from '../../control/gen/rfaas_pb.ts'
import { DEPLOY_CALL_TIMEOUT_MS } from '../../control/limits.ts'
import { RfaasError } from '../../errors.ts'
import { KINDS, type FunctionKind } from '../../kinds.ts'
import { bundle } from '../bundle/bundle.ts'
import { checkFunctions } from './check-functions.ts'
import { entryOf } from './entry.ts'
import { functionsOf, type ListedFunction } from './functions-of.ts'
import { uploadOf, type BundleUpload } from './upload.ts'

export interface DeployOptions {
  /** The name under which leases find the functions: a letter, then letters, digits, `-` or `_`, at most 64 characters. */
  name: string
  /** Packages that are not bundled but travel as they are installed, as for a lease. Default: none. */
  external?: readonly string[]
  /** Files that the functions read, as patterns relative to the module's folder, as for a lease. Default: none. */
  files?: readonly string[]
  /** How the functions are called, as for a lease. Default `functions`. */
  kind?: FunctionKind
}

/** One version of functions that are deployed at a resource manager. */
export interface DeployedFunctions {
  readonly name: string
  /** From 1; given by the manager, and never twice under one name. */
  readonly version: number
  /** Of the bundle, 64 lower-case hex digits. */
  readonly sha256: string
  /** Size of the bundle, with the packages and files that it brings. */
  readonly bytes: number
  readonly functions: readonly ListedFunction[]
  readonly deployed: Date
}

/** What {@link Cluster.deploy} has done. */
export interface Deployment extends DeployedFunctions {
  /** False: the newest version under this name has the same bytes, and is this one. */
  readonly isNew: boolean
}

const KNOWN: ReadonlySet<string> = new Set(['name', 'external', 'files', 'kind'])

/** See {@link Cluster.deploy}. */
export async function deployFunctions(
  { rpc }: ManagerClient,
  path: string | URL,
  options: DeployOptions,
): Promise<Deployment> {
  checkDeployOptions(options)
  const { name, external = [], files = [], kind = 'functions' } = options
  const bundled = await bundle(entryOf(path), { external, files, kind })
  const functions = await functionsOf(bundled)
  const { slices, ...form } = await uploadOf(bundled)
  const request = { name, ...form, functions }
  const { functions: info, isNew } = await rpc.deployFunctions(request).catch(async (error: unknown) => {
    // The manager does not have these bytes yet.
    if (!(error instanceof RfaasError) || error.code !== 'not_found') throw error
    const uploadId = await upload(rpc, slices)
    // It verifies all of them.
    return rpc.deployFunctions({ ...request, uploadId }, { timeoutMs: DEPLOY_CALL_TIMEOUT_MS })
  })
  return { ...fromProto(info), isNew }
}

/** See {@link Cluster.undeploy}. */
export async function undeployFunctions({ rpc }: ManagerClient, functions: string): Promise<DeployedFunctions[]> {
  return (await rpc.undeployFunctions(nameToUndeploy(functions))).functions.map((each) => fromProto(each))
}

export function fromProto(info: FunctionsInfo | undefined): DeployedFunctions {
  const { name, version, sha256, bytes, functions, deployedUnixMs } = checkFunctions(info)
  const listed = functions.map(({ name: each, raw }) => ({ name: each, raw }))
  return { name, version, sha256, bytes, functions: listed, deployed: new Date(deployedUnixMs) }
}

async function upload(rpc: ManagerClient['rpc'], slices: BundleUpload['slices']): Promise<string> {
  const uploadId = randomBytes(16).toString('hex')
  let offset = 0
  for await (const slice of slices()) {
    await rpc.uploadFunctions({ uploadId, offset, slice })
    offset += slice.byteLength
  }
  return uploadId
}

function checkDeployOptions(options: DeployOptions): void {
  const refuse = (reason: string): never => {
    throw new RfaasError('invalid_argument', `Cannot deploy: ${reason}`)
  }
  for (const key of Object.keys(options ?? {})) {
    if (!KNOWN.has(key)) refuse(`there is no option ${JSON.stringify(key)}`)
  }
  const { name, external = [], files = [], kind = 'functions' } = options ?? {}
  if (typeof name !== 'string') refuse(`name must be given, such as { name: 'pricing' }`)
  const problem = functionsNameProblem(name)
  if (problem !== null) refuse(problem)
  if (!Array.isArray(external) || !external.every((each) => typeof each === 'string' && each !== '')) {
    refuse('external must be the names of packages')
  }
  if (!Array.isArray(files) || !files.every((each) => typeof each === 'string' && each !== '')) {
    refuse('files must be paths or patterns')
  }
  if (!KINDS.includes(kind)) refuse(`kind must be ${KINDS.join(' or ')}, not ${String(kind)}`)
}
