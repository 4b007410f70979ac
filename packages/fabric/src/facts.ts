import { addonPath } from './addon-path.ts'
import { rdmaDevices } from './addresses.ts'
import { FabricError } from './errors.ts'
import { isLibfabricInstalled } from './libfabric.ts'
import { hostNative, systemReason, verbsNative } from './native.ts'

/** Whether a fabric can be used on this machine and, when not, why, in a few words for a person. */
export interface FabricFact {
  name: 'local' | 'tcp' | 'verbs'
  ok: boolean
  reason: string
}

/** What `rfaas doctor` shows. */
export interface FabricFacts {
  fabrics: FabricFact[]
  /**
   * The version of libfabric, which only `verbs` needs; 'not built' when it is there and only our addon for it is
   * missing; null when it is not there.
   */
  libfabric: string | null
}

/** Examines this machine. Never throws. Loads libfabric, which takes a quarter of a second. */
export function fabricFacts(): FabricFacts {
  const names = ['local', 'tcp', 'verbs'] as const
  const fabrics = names.map((name) => ({ name, reason: reasonAgainst(name) }))
  return { fabrics: fabrics.map((fact) => ({ ...fact, ok: fact.reason === '' })), libfabric: libfabricVersion() }
}

/**
 * Why a fabric cannot be used on this machine, in a few words; empty when it can. Loads what the fabric needs, and
 * tries more than {@link likelyFabrics}. Never throws.
 */
export function reasonAgainst(name: FabricFact['name'] | 'threads'): string {
  if (name === 'threads') return ''
  if (name !== 'verbs') return reasonOf(() => hostNative())
  return reasonOf(() => {
    const probed = verbsNative().ofiProbe()
    if (probed !== 0) throw new Error(reasonAgainstVerbs() || systemReason(probed))
  })
}

function libfabricVersion(): string | null {
  let version: number
  try {
    version = verbsNative().ofiVersion()
  } catch {
    return addonPath('rfaas_verbs') === null && isLibfabricInstalled() ? 'not built' : null
  }
  return `${version >>> 16}.${version & 0xffff}`
}

/** Why something cannot be done; empty when it can. */
function reasonOf(what: () => void): string {
  try {
    what()
    return ''
  } catch (error) {
    if (!(error instanceof Error)) return String(error)
    // Without the code, because the reason becomes part of another sentence.
    return error instanceof FabricError ? error.message.slice(error.code.length + 2) : error.message
  }
}

/** Why `verbs` cannot be used on this machine, in a few words; empty when it can. Reads files only. */
export function reasonAgainstVerbs(): string {
  const devices = rdmaDevices()
  if (devices.some(({ reason }) => reason === '')) return reasonAgainstLibfabric()
  if (devices.length === 0) return 'no RDMA device found'
  return devices.map(({ name, reason }) => `of RDMA device ${name}, ${reason}`).join('; ')
}

function reasonAgainstLibfabric(): string {
  if (addonPath('rfaas_verbs') === null) return "rfaas was built without libfabric's headers"
  return isLibfabricInstalled() ? '' : 'libfabric is not installed'
}

/**
 * The fabrics that this machine seems to have, best first; `threads` alone where the addon cannot be loaded. Loads the
 * addon, but not libfabric, which takes a quarter of a second because its drivers look for their hardware: callers that
 * may not need it check here first.
 */
export function likelyFabrics(): ('local' | 'verbs' | 'tcp' | 'threads')[] {
  if (reasonAgainst('local') !== '') return ['threads']
  return reasonAgainstVerbs() === '' ? ['local', 'verbs', 'tcp'] : ['local', 'tcp']
}
