import { readdirSync, readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import type { FabricFact, RdmaDevice } from '@rfaas/fabric'
import { machineMemoryBytes } from '../../executor-manager/machine-memory.ts'
import { sentenceOf } from '../exit.ts'

/** Whether something works; when not, why, in a few words. */
export interface Finding {
  ok: boolean
  reason: string
}

/** What the doctor found out about this machine, before it says what that means. */
export interface Facts {
  /** Such as 24.1.0. */
  nodeVersion: string
  bundler: Finding & { version: string }
  /** Whether the addon loads, which everything else needs. */
  addon: Finding
  /** Whether a message gets through each fabric; empty when there is no addon to try it. */
  fabrics: readonly FabricFact[]
  /** The version of libfabric, which only verbs needs; 'not built' when only our addon for it is missing; null: absent. */
  libfabric: string | null
  rdmaDevices: readonly RdmaDevice[]
  /** null when there is no /dev/shm. */
  shm: { totalBytes: number; freeBytes: number; rfaasNames: string[] } | null
  /** How much one process may lock; Infinity without a limit. */
  memlockBytes: number
  /** `usable` by this process, of those `present`. */
  cores: { usable: number; present: number }
  /** The memory of this machine, or what its container may use. */
  memoryBytes: number
}

/** Looks at this machine. Whatever is absent is a fact, not an error. */
export async function gatherFacts(): Promise<Facts> {
  return {
    nodeVersion: process.versions.node,
    ...(await fabricFindings()),
    bundler: await bundlerFinding(),
    shm: shmFacts(),
    memlockBytes: memlockBytesIn(readText('/proc/self/limits')),
    cores: { usable: availableParallelism(), present: cpus().length },
    memoryBytes: machineMemoryBytes(),
  }
}

async function fabricFindings(): Promise<Pick<Facts, 'addon' | 'fabrics' | 'libfabric' | 'rdmaDevices'>> {
  try {
    const { fabricFacts, rdmaDevices } = await import('@rfaas/fabric')
    const { probeFabric } = await import('./probe.ts')
    const { fabrics, libfabric } = fabricFacts()
    const devices = rdmaDevices()
    // Verbs is tried at the address of a usable device.
    const rdmaAddress = devices.find(({ reason }) => reason === '')?.address
    const tried = fabrics.map(async (fact) => {
      const address = fact.name === 'verbs' ? rdmaAddress : '127.0.0.1'
      return fact.ok && address ? { ...fact, ...(await probeFabric(fact.name, address)) } : fact
    })
    const addon = fabrics.find(({ name }) => name === 'local')!
    return { addon, fabrics: addon.ok ? await Promise.all(tried) : [], libfabric, rdmaDevices: devices }
  } catch (error) {
    return { addon: { ok: false, reason: sentenceOf(error) }, fabrics: [], libfabric: null, rdmaDevices: [] }
  }
}

async function bundlerFinding(): Promise<Facts['bundler']> {
  try {
    // The package can be there without its binary for this platform: only a run tells.
    const { stop, transform, version } = await import('esbuild')
    await transform('')
    await stop()
    return { ok: true, reason: '', version }
  } catch (error) {
    return { ok: false, reason: firstLineOf(error), version: '' }
  }
}

function shmFacts(): Facts['shm'] {
  try {
    const { bsize, blocks, bavail } = statfsSync('/dev/shm')
    const rfaasNames = readdirSync('/dev/shm').filter((name) => name.includes('rfaas'))
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail, rfaasNames }
  } catch {
    return null
  }
}

/** Reads the soft limit out of the text of /proc/self/limits; 0 when it is not there. */
export function memlockBytesIn(limits: string): number {
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1]
  return soft === 'unlimited' ? Infinity : Number(soft ?? 0)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function firstLineOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n')[0]!
}
