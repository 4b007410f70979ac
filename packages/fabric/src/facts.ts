import { rdmaDevices } from './addresses.ts'
import { isBuilt, libfabricNative, localNative, systemReason } from './native.ts'

/** Whether something can be used on this machine and, when not, why, in a few words for a person. */
export interface FabricFact {
  name: string
  ok: boolean
  reason: string
}

/** What `rfaas doctor` shows. */
export interface FabricFacts {
  local: FabricFact
  libfabric: { version: string | null; reason: string; providers: FabricFact[] }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function localFact(): FabricFact {
  try {
    localNative()
    return { name: 'local', ok: true, reason: 'shared memory and futexes' }
  } catch (error) {
    return { name: 'local', ok: false, reason: reasonOf(error) }
  }
}

/** Examines this machine. Never throws. */
export function fabricFacts(): FabricFacts {
  try {
    const native = libfabricNative()
    const version = native.ofiVersion()
    const providers = ['verbs', 'tcp'].map((name) => {
      const result = native.ofiProbe(name)
      const missing = name === 'verbs' ? reasonAgainstVerbs() || systemReason(result) : systemReason(result)
      return { name, ok: result === 0, reason: result === 0 ? 'usable' : missing }
    })
    return {
      local: localFact(),
      libfabric: { version: `${version >>> 16}.${version & 0xffff}`, reason: '', providers },
    }
  } catch (error) {
    return { local: localFact(), libfabric: { version: null, reason: reasonOf(error), providers: [] } }
  }
}

/** Why `verbs` cannot be used on this machine, in a few words; empty when it can. Reads files only. */
export function reasonAgainstVerbs(): string {
  if (!isBuilt('rfaas_libfabric')) return 'rfaas was built without libfabric'
  const devices = rdmaDevices()
  if (devices.some(({ reason }) => reason === '')) return ''
  if (devices.length === 0) return 'no RDMA device found'
  return devices.map(({ name, reason }) => `of RDMA device ${name}, ${reason}`).join('; ')
}

/**
 * The fabrics that this machine seems to have, best first. Reads files only: loading libfabric takes a quarter of a
 * second because its drivers look for their hardware, so callers that may not need it check here first.
 */
export function likelyFabrics(): ('local' | 'verbs' | 'tcp')[] {
  const found: ('local' | 'verbs' | 'tcp')[] = []
  if (isBuilt('rfaas_local')) found.push('local')
  if (reasonAgainstVerbs() === '') found.push('verbs')
  if (isBuilt('rfaas_libfabric')) found.push('tcp')
  return found
}
