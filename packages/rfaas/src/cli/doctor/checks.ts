import { formatBytes } from '../units.ts'
import type { FabricFact } from '@rfaas/fabric'
import type { Facts } from './facts.ts'

/** `missing` ends the doctor with exit code 1; `note` is a limitation with which rfaas works. */
export type Status = 'ok' | 'note' | 'missing'

/** One line of the doctor. */
export interface Check {
  name: string
  status: Status
  /** What was found, in a few words. */
  found: string
  /** What that means for rfaas: one sentence. */
  meaning: string
  /** What to do about it; empty when there is nothing to do. */
  todo: string
}

const NODE_MAJOR_MIN = 24
const MEMLOCK_BYTES_ENOUGH = 64 * 2 ** 20
const MEMORY_BYTES_ENOUGH = 2 ** 30

/** What the facts of a machine mean. Pure: the same facts give the same checks. */
export function checksOf(facts: Facts): Check[] {
  return [
    nodeCheck(facts),
    addonCheck(facts),
    bundlerCheck(facts),
    ...facts.fabrics.filter(({ name }) => name !== 'verbs').map(fabricCheck),
    libfabricCheck(facts),
    ...facts.rdmaDevices.map(deviceCheck),
    ...facts.fabrics.filter(({ name }) => name === 'verbs').map(fabricCheck),
    shmCheck(facts),
    memlockCheck(facts),
    coresCheck(facts),
    memoryCheck(facts),
  ]
}

function nodeCheck({ nodeVersion }: Facts): Check {
  const name = 'Node.js'
  if (Number(nodeVersion.split('.')[0]) >= NODE_MAJOR_MIN) {
    return { name, status: 'ok', found: nodeVersion, meaning: `rfaas runs on ${NODE_MAJOR_MIN} or newer.`, todo: '' }
  }
  const todo = `Install Node.js ${NODE_MAJOR_MIN} or newer: https://nodejs.org/en/download`
  return { name, status: 'missing', found: nodeVersion, meaning: `rfaas needs ${NODE_MAJOR_MIN} or newer.`, todo }
}

function addonCheck({ addon }: Facts): Check {
  const name = 'native addon'
  if (addon.ok) {
    return { name, status: 'ok', found: 'loads', meaning: '@rfaas/fabric can use its native code.', todo: '' }
  }
  const meaning = 'Without it this machine can run neither a node nor a client; local() runs functions in threads.'
  return {
    name,
    status: 'missing',
    found: addon.reason,
    meaning,
    todo: 'Install @rfaas/fabric again, with its optional dependencies, or build it: npx rfaas-build-native',
  }
}

function bundlerCheck({ bundler }: Facts): Check {
  const name = 'bundler'
  if (bundler.ok) {
    const meaning = 'Packs the modules whose functions you lease cores for.'
    return { name, status: 'ok', found: `esbuild ${bundler.version}`, meaning, todo: '' }
  }
  const meaning = 'Without esbuild a client cannot pack its functions.'
  return { name, status: 'missing', found: bundler.reason, meaning, todo: 'Install it again: npm install esbuild' }
}

/** What it means that a fabric works or does not, and what to do then. */
const FABRICS = {
  local: {
    works: 'Clients and workers of this host share memory: less than a microsecond per hot call.',
    fails: 'Clients and workers of this host cannot share memory.',
    todo: 'Make sure that the sandbox or container allows memfd_create, futex and Unix sockets.',
  },
  tcp: {
    works: 'Works over any network: some ten microseconds per hot call, plus the time of the network.',
    fails: 'Without RDMA, only this machine can reach its nodes.',
    todo: 'Make sure that the sandbox or container allows TCP sockets.',
  },
  verbs: {
    works: 'RDMA works: a few microseconds per hot call between hosts.',
    fails: 'Between hosts, calls go over tcp.',
    todo: 'With an RDMA card: install its driver and rdma-core, and check that ibv_devices lists it.',
  },
}

function fabricCheck({ name: fabric, ok, reason }: FabricFact): Check {
  const name = `fabric ${fabric}`
  const { works, fails, todo } = FABRICS[fabric]
  if (ok) return { name, status: 'ok', found: 'works', meaning: works, todo: '' }
  return { name, status: fabric === 'local' ? 'missing' : 'note', found: reason, meaning: fails, todo }
}

function libfabricCheck({ libfabric }: Facts): Check {
  const name = 'libfabric'
  if (libfabric === 'not built') {
    const meaning = 'Only RDMA needs it. libfabric is installed, but the addon that uses it is not built.'
    return { name, status: 'note', found: 'addon not built', meaning, todo: 'For RDMA: npx rfaas-build-native' }
  }
  if (libfabric !== null) {
    return { name, status: 'ok', found: libfabric, meaning: 'Carries calls between hosts that have RDMA.', todo: '' }
  }
  const meaning = 'Only RDMA needs it; over any other network calls go over tcp.'
  const todo = 'For RDMA, on Debian or Ubuntu: apt-get install libfabric1'
  return { name, status: 'note', found: 'not installed', meaning, todo }
}

function deviceCheck({ name: device, link, address, reason }: Facts['rdmaDevices'][number]): Check {
  const name = `RDMA ${device}`
  if (reason === '') {
    const meaning = 'Nodes whose --host is not loopback offer verbs at this address.'
    return { name, status: 'ok', found: `${address} on ${link}`, meaning, todo: '' }
  }
  const meaning = 'No call goes over this device.'
  const todo = 'Connect it, bring its interface up, and give the interface an IPv4 address: docs/operating.md'
  return { name, status: 'note', found: reason, meaning, todo }
}

function shmCheck({ shm }: Facts): Check {
  const name = '/dev/shm'
  if (shm === null) {
    const meaning = 'rfaas does not need it; other programs may.'
    return { name, status: 'note', found: 'not there', meaning, todo: 'Mount it: mount -t tmpfs tmpfs /dev/shm' }
  }
  const found = `${formatBytes(shm.freeBytes)} of ${formatBytes(shm.totalBytes)} free`
  if (shm.rfaasNames.length > 0) {
    const meaning = `rfaas's shared memory has no names, but there is ${shm.rfaasNames.join(', ')}.`
    return { name, status: 'note', found, meaning, todo: 'Remove it, and please report it: it is a defect.' }
  }
  const meaning = 'rfaas leaves nothing there: its shared memory has no name.'
  return { name, status: 'ok', found, meaning, todo: '' }
}

function memlockCheck({ memlockBytes }: Facts): Check {
  const name = 'memlock'
  const found = memlockBytes === Infinity ? 'unlimited' : formatBytes(memlockBytes)
  if (memlockBytes >= MEMLOCK_BYTES_ENOUGH) {
    return { name, status: 'ok', found, meaning: 'RDMA can lock the payload buffers that it needs.', todo: '' }
  }
  const meaning = 'RDMA locks payload buffers, at most this much per process; local and tcp lock nothing.'
  return {
    name,
    status: 'note',
    found,
    meaning,
    todo: 'For verbs: ulimit -l unlimited, or LimitMEMLOCK=infinity in systemd.',
  }
}

function coresCheck({ cores }: Facts): Check {
  const name = 'cores'
  const found = cores.usable === cores.present ? String(cores.usable) : `${cores.usable} of ${cores.present}`
  if (cores.usable > 1) {
    const meaning = 'A node can offer them; a hot worker uses a whole core while it polls.'
    return { name, status: 'ok', found, meaning, todo: '' }
  }
  const meaning =
    'A polling worker and a spinning client take turns on one core: hot calls cost milliseconds, not microseconds.'
  return { name, status: 'note', found, meaning, todo: 'Use a machine, container or cpuset with 2 cores or more.' }
}

function memoryCheck({ memoryBytes }: Facts): Check {
  const name = 'memory'
  const found = formatBytes(memoryBytes)
  if (memoryBytes >= MEMORY_BYTES_ENOUGH) {
    return {
      name,
      status: 'ok',
      found,
      meaning: 'A node offers half of the machine’s memory by default.',
      todo: '',
    }
  }
  const meaning = 'By default a lease takes 512 MiB, and a node offers half of the machine’s memory.'
  return { name, status: 'note', found, meaning, todo: 'Lease less, for example --memory-mib 128.' }
}
