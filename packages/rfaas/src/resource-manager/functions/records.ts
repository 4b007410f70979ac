/*
 * The records of deployed functions in the store, as JSON; slices are base64. One commit writes or removes a version together
 * with everything that belongs to it. So several managers of one store agree, and a bundle is there as long as a version
 * refers to it.
 */

/** By name: the versions. */
export const FUNCTIONS = 'functions/'
/** By SHA-256: a bundle that at least one version refers to. */
export const BUNDLES = 'bundles/'
/** By the id of their upload, and number: the bytes of bundles. */
export const SLICES = 'slices/'
/** By id: uploads whose bundle is not deployed yet. */
export const UPLOADS = 'uploads/'
/** By id: uploads whose slices nothing refers to any more, and are being removed. */
export const DROPPED = 'dropped/'
/** What all names have together. */
export const REGISTRY = 'registry'

export interface FunctionsRecord {
  /** The last version that was given; it stays when all versions are removed, so that none is given twice. */
  readonly last: number
  /** In the order of their numbers. */
  readonly versions: readonly VersionRecord[]
}

export interface VersionRecord {
  readonly version: number
  readonly sha256: string
  readonly deployedUnixMs: number
}

export interface FunctionRecord {
  readonly name: string
  readonly raw: boolean
}

export interface BundleRecord {
  /** Of all slices. */
  readonly bytes: number
  /** Of the manifest of a packed bundle, with which its bytes begin; 0: the bundle is one module. */
  readonly manifestBytes: number
  readonly uploadId: string
  /** Versions that refer to it, of all names. */
  readonly references: number
  readonly functions: readonly FunctionRecord[]
}

export interface UploadRecord {
  /** When its latest slice arrived. */
  readonly latestUnixMs: number
  /** Bytes that have arrived. */
  readonly bytes: number
}

export interface DroppedRecord {
  /** Bytes that are still there: its first ones. */
  readonly bytes: number
}

export interface RegistryRecord {
  /** Bytes of all bundles, without those that are dropped. */
  readonly bytes: number
  readonly versions: number
  /** Names that are or were used. */
  readonly names: number
}

/** A version with all that is known of it. */
export interface DeployedVersion extends VersionRecord {
  readonly name: string
  readonly bytes: number
  readonly manifestBytes: number
  readonly functions: readonly FunctionRecord[]
}

/** Digits of a slice's number: slices are listed in their order. */
const SLICE_DIGITS = 6

export function sliceKey(uploadId: string, number: number): string {
  return `${SLICES}${uploadId}/${String(number).padStart(SLICE_DIGITS, '0')}`
}

export function parseFunctions(value: string | null): FunctionsRecord {
  return value === null ? { last: 0, versions: [] } : (JSON.parse(value) as FunctionsRecord)
}

export function parseBundle(value: string): BundleRecord {
  return JSON.parse(value) as BundleRecord
}

export function parseDropped(value: string): DroppedRecord {
  return JSON.parse(value) as DroppedRecord
}

export function parseUpload(value: string): UploadRecord {
  return JSON.parse(value) as UploadRecord
}

export function parseRegistry(value: string | null): RegistryRecord {
  return value === null ? { bytes: 0, versions: 0, names: 0 } : (JSON.parse(value) as RegistryRecord)
}
