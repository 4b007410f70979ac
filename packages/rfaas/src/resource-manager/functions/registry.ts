import { formatFunctionsName } from '../../control/functions-name.ts'
import type { FunctionsName } from '../../control/functions-name.ts'
import { FUNCTIONS_VERSIONS_MAX } from '../../control/limits.ts'
import { RfaasError } from '../../errors.ts'
import type { Context } from '../context.ts'
import { publish } from '../events.ts'
import { FUNCTIONS_NAMES_MAX } from '../limits.ts'
import { readSlowly, transact } from '../store.ts'
import type { Store, Transaction } from '../store.ts'
import {
  BUNDLES,
  FUNCTIONS,
  parseBundle,
  parseFunctions,
  parseRegistry,
  parseUpload,
  REGISTRY,
  UPLOADS,
} from './records.ts'
import type {
  BundleRecord,
  DeployedVersion,
  FunctionRecord,
  FunctionsRecord,
  RegistryRecord,
  VersionRecord,
} from './records.ts'
import { digestSlices, dropSlices, readSlice, removeDropped, verifyPacked } from './slices.ts'
import { checkRoom, discardUpload, unknownUpload } from './uploads.ts'

/** Functions that are to be deployed. */
export interface Deployment {
  readonly name: string
  readonly sha256: string
  readonly bytes: number
  /** Of the manifest of a packed bundle; 0: the bundle is one module. */
  readonly manifestBytes: number
  readonly functions: readonly FunctionRecord[]
  /** The finished upload of the bundle; empty: the manager should have it. */
  readonly uploadId: string
}

/**
 * Registers functions under a name and gives them the next version. When the newest version has the same bundle, it stays
 * what it is.
 *
 * @throws {RfaasError} `not_found` when the bundle must be uploaded; `invalid_argument` when the upload is another bundle;
 * `registry_full`
 */
export async function deploy(
  context: Context,
  deployment: Deployment,
): Promise<{ deployed: DeployedVersion; isNew: boolean }> {
  const { store, clock } = context
  const { name, sha256, bytes, manifestBytes, functions, uploadId } = deployment
  if (uploadId !== '') await verifyUpload(context, deployment)
  const result = await transact(store, async (transaction) => {
    const known = await transaction.get(FUNCTIONS + name)
    const registry = parseRegistry(await transaction.get(REGISTRY))
    const record = parseFunctions(known)
    const bundle = await bundleOf(transaction, sha256)
    checkForm(deployment, bundle)
    const newest = record.versions.at(-1)
    // The upload is gone already when the same request has come twice: its slices are then those of the bundle.
    const isUploaded = uploadId !== '' && (await transaction.get(UPLOADS + uploadId)) !== null
    if (bundle !== null && isUploaded) discardUpload(transaction, uploadId, bytes)
    if (newest?.sha256 === sha256) return { deployed: versionOf(name, newest, bundle!), isNew: false }
    checkCounts(registry, known === null)
    if (bundle === null) {
      checkRoom(context, registry.bytes, bytes)
      if (uploadId === '') throw new RfaasError('not_found', `Cannot deploy ${name}: upload its bundle ${sha256} first`)
      // It may have been removed since it was verified.
      if (!isUploaded) throw unknownUpload(uploadId)
      transaction.set(UPLOADS + uploadId, null)
    }
    const kept = { ...(bundle ?? { bytes, manifestBytes, uploadId, functions, references: 0 }) }
    kept.references++
    const made = { version: record.last + 1, sha256, deployedUnixMs: clock.nowUnixMs() }
    set(transaction, BUNDLES + sha256, kept satisfies BundleRecord)
    set(transaction, FUNCTIONS + name, {
      last: made.version,
      versions: [...record.versions, made],
    } satisfies FunctionsRecord)
    set(transaction, REGISTRY, {
      bytes: registry.bytes + (bundle === null ? bytes : 0),
      versions: registry.versions + 1,
      names: registry.names + (known === null ? 1 : 0),
    } satisfies RegistryRecord)
    return { deployed: versionOf(name, made, kept), isNew: true }
  })
  if (uploadId !== '') await removeDropped(store)
  if (result.isNew) publish({ kind: 'functions-deployed', functions: result.deployed })
  return result
}

/** @throws {RfaasError} `not_found`, with what there is */
export async function find({ store }: Context, wanted: FunctionsName): Promise<DeployedVersion> {
  const { name, version } = wanted
  const { versions } = parseFunctions((await store.get(FUNCTIONS + name))?.value ?? null)
  const found = version === 0 ? versions.at(-1) : versions.find((each) => each.version === version)
  const bundle = found && (await store.get(BUNDLES + found.sha256))
  // The bundle is gone when the version was removed between the two readings.
  if (!found || !bundle) throw notDeployed('Cannot find functions', wanted, versions)
  return versionOf(name, found, parseBundle(bundle.value))
}

/** All versions, by name, then by number. */
export async function list({ store }: Context): Promise<DeployedVersion[]> {
  const all: DeployedVersion[] = []
  for await (const { key, value } of readSlowly(store, FUNCTIONS)) {
    for (const version of parseFunctions(value).versions) {
      const bundle = await store.get(BUNDLES + version.sha256)
      if (bundle !== null) all.push(versionOf(key.slice(FUNCTIONS.length), version, parseBundle(bundle.value)))
    }
  }
  return all
}

/**
 * Removes one version, or with version 0 all, and the bundles to which no other version refers.
 *
 * @returns what was removed
 * @throws {RfaasError} `not_found`
 */
export async function undeploy({ store }: Context, wanted: FunctionsName): Promise<DeployedVersion[]> {
  const { name, version } = wanted
  const removed = await transact(store, async (transaction) => {
    const { last, versions } = parseFunctions(await transaction.get(FUNCTIONS + name))
    const going = versions.filter((each) => version === 0 || each.version === version)
    if (going.length === 0) throw notDeployed('Cannot undeploy', wanted, versions)
    const gone: DeployedVersion[] = []
    const registry = parseRegistry(await transaction.get(REGISTRY))
    let { bytes } = registry
    for (const each of going) {
      const bundle = (await bundleOf(transaction, each.sha256))!
      gone.push(versionOf(name, each, bundle))
      const references = bundle.references - 1
      if (references === 0) {
        dropSlices(transaction, bundle.uploadId, bundle.bytes)
        bytes -= bundle.bytes
      }
      set(transaction, BUNDLES + each.sha256, references === 0 ? null : { ...bundle, references })
    }
    const left = versions.filter((each) => !going.includes(each))
    set(transaction, FUNCTIONS + name, { last, versions: left } satisfies FunctionsRecord)
    set(transaction, REGISTRY, { ...registry, bytes, versions: registry.versions - going.length })
    return gone
  })
  await removeDropped(store)
  publish({ kind: 'functions-undeployed', functions: removed })
  return removed
}

/**
 * One slice of a bundle. @param offset a multiple of FUNCTIONS_SLICE_BYTES
 *
 * @throws {RfaasError} `not_found` when no version refers to the bundle any more, or it is not so long
 */
export async function read({ store }: Context, sha256: string, offset: number): Promise<Uint8Array<ArrayBuffer>> {
  const bundle = await store.get(BUNDLES + sha256)
  const slice = bundle && (await readSlice(store, parseBundle(bundle.value).uploadId, offset))
  if (slice) return slice
  const what = bundle === null ? `no functions with the bundle ${sha256}` : `no byte ${offset} in the bundle ${sha256}`
  throw new RfaasError('not_found', `Cannot read functions: there is ${what}`)
}

/** Removes an upload that is not what was announced: it would only take room. */
async function verifyUpload({ store }: Context, deployment: Deployment): Promise<void> {
  const { name, uploadId } = deployment
  const known = await store.get(UPLOADS + uploadId)
  if (known === null) throw unknownUpload(uploadId)
  const arrived = parseUpload(known.value).bytes
  const problem = await uploadProblem(store, deployment, arrived)
  if (problem === null) return
  await transact(store, async (transaction) => discardUpload(transaction, uploadId, arrived))
  await removeDropped(store)
  throw new RfaasError('invalid_argument', `Cannot deploy ${name}: ${problem}`)
}

/** Why an upload is not what was announced; null: it is. */
async function uploadProblem(
  store: Store,
  { sha256, bytes, manifestBytes, uploadId }: Deployment,
  arrived: number,
): Promise<string | null> {
  if (arrived !== bytes) return `${arrived} of ${bytes} bytes have arrived`
  if (manifestBytes === 0) {
    const actual = await digestSlices(store, uploadId, bytes)
    return actual === sha256 ? null : `the SHA-256 of its bundle is ${actual}, not ${sha256}`
  }
  try {
    await verifyPacked(store, uploadId, { sha256, bytes, manifestBytes })
    return null
  } catch (error) {
    if (!(error instanceof RfaasError) || error.code !== 'invalid_argument') throw error
    return error.sentence
  }
}

/** The text of a manifest has the SHA-256 of the packed bundle that it names, but is none. */
function checkForm({ name, sha256, bytes, manifestBytes }: Deployment, bundle: BundleRecord | null): void {
  if (bundle === null || (bundle.bytes === bytes && bundle.manifestBytes === manifestBytes)) return
  const forms = `${bundle.bytes} bytes of which ${bundle.manifestBytes} are a manifest, not ${bytes} and ${manifestBytes}`
  throw new RfaasError('invalid_argument', `Cannot deploy ${name}: the bundle ${sha256} that is here has ${forms}`)
}

function checkCounts({ versions, names }: RegistryRecord, isNewName: boolean): void {
  if (versions >= FUNCTIONS_VERSIONS_MAX) {
    const reason = `${versions} versions are deployed, at most ${FUNCTIONS_VERSIONS_MAX} may be; undeploy some`
    throw new RfaasError('registry_full', `Cannot deploy: ${reason}`)
  }
  if (isNewName && names >= FUNCTIONS_NAMES_MAX) {
    const reason = `${names} names are or were in use, at most ${FUNCTIONS_NAMES_MAX} may be; use one of them`
    throw new RfaasError('registry_full', `Cannot deploy: ${reason}`)
  }
}

function notDeployed(action: string, wanted: FunctionsName, versions: readonly VersionRecord[]): RfaasError {
  const { name } = wanted
  const has = versions.map(({ version }) => version).join(', ')
  const reason = versions.length === 0 ? `no functions are deployed as ${name}` : `${name} has only the versions ${has}`
  return new RfaasError('not_found', `${action} ${formatFunctionsName(wanted)}: ${reason}`)
}

async function bundleOf(transaction: Transaction, sha256: string): Promise<BundleRecord | null> {
  const value = await transaction.get(BUNDLES + sha256)
  return value === null ? null : parseBundle(value)
}

function versionOf(name: string, version: VersionRecord, bundle: BundleRecord): DeployedVersion {
  const { bytes, manifestBytes, functions } = bundle
  return { name, ...version, bytes, manifestBytes, functions }
}

function set(transaction: Transaction, key: string, value: object | null): void {
  transaction.set(key, value === null ? null : JSON.stringify(value))
}
