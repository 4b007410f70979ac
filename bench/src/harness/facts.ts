import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { fabricFacts } from '@rfaas/fabric'

/** What a result depends on in addition to the code. `null` where the machine does not tell. */
export interface MachineFacts {
  date: string
  commit: string | null
  cpu: string
  cores: number
  memoryGib: number
  hypervisor: boolean
  /** 2 when two logical cores share one physical core. */
  threadsPerCore: number | null
  governor: string | null
  clocksource: string | null
  kernel: string
  node: string
  libfabric: string | null
  /** Load over the minute before the bench began: shows what else ran on the machine. */
  loadAverage: number
}

export function machineFacts(): MachineFacts {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGib: Math.round((os.totalmem() / 2 ** 30) * 10) / 10,
    hypervisor: / hypervisor( |$)/m.test(readLine('/proc/cpuinfo') ?? ''),
    threadsPerCore: threadsPerCore(),
    governor: readLine('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    clocksource: readLine('/sys/devices/system/clocksource/clocksource0/current_clocksource'),
    kernel: os.release(),
    node: process.version,
    libfabric: fabricFacts().libfabric,
    loadAverage: Math.round(os.loadavg()[0]! * 100) / 100,
  }
}

/** The facts in two lines for people. */
export function describeFacts(facts: MachineFacts): string {
  const machine = [
    facts.cpu,
    `${facts.cores} cores`,
    `${facts.memoryGib} GiB`,
    facts.hypervisor ? 'virtual' : 'bare metal',
    `governor ${facts.governor ?? 'unknown'}`,
    `clock ${facts.clocksource ?? 'unknown'}`,
  ]
  const software = [
    `Linux ${facts.kernel}`,
    `Node ${facts.node}`,
    `libfabric ${facts.libfabric ?? 'absent'}`,
    `commit ${facts.commit ?? 'unknown'}`,
    `load ${facts.loadAverage} at the start`,
  ]
  return `${machine.join(' · ')}\n${software.join(' · ')}`
}

function readLine(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}

function threadsPerCore(): number | null {
  const siblings = readLine('/sys/devices/system/cpu/cpu0/topology/thread_siblings_list')
  return siblings === null ? null : siblings.split(/[,-]/).length
}

/** The current commit, with `+` when the tree has uncommitted changes. */
function commit(): string | null {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, {
        cwd: import.meta.dirname,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim()
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+')
  } catch {
    return null
  }
}
