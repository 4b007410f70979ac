import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import type { Trial } from './trial.ts'

/** The processors on which client and worker run. */
export interface Placement {
  /** Suffix of the names of its series and ratios. */
  suffix: string
  label: string
  /** Processor of the client… */
  client: number
  /** …and of the side that answers. */
  worker: number
}

/** Both sides on one processor; and, if there are two, each on its own. */
export function placements(): Placement[] {
  const [first, second] = processors()
  const one = { suffix: 'OneCore', label: 'one core', client: first!, worker: first! }
  return second === undefined ? [one] : [one, { ...one, suffix: 'TwoCores', label: 'two cores', worker: second }]
}

/** The kernel's numbers of the processors that this process may use. @param status content of `/proc/self/status` */
export function processors(status: string = readFileSync('/proc/self/status', 'utf8')): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '0'
  return list.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number) as [number, number?]
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}

/** Runs the trial on these processors, together with everything that it starts and does not move elsewhere. */
export function placed(trial: Trial, ...processors: number[]): Trial {
  return { file: 'taskset', args: ['-c', processors.join(','), trial.file, ...trial.args] }
}

/** Runs all processes of the trial on the last processor, so that no side waits for a halted processor to wake. */
export function onOneCore(trial: Trial): Trial {
  return placed(trial, processors().at(-1)!)
}

/** The calling thread as a `/proc` path: `PID/task/TID`. */
export function thisThread(): string {
  return readlinkSync('/proc/thread-self')
}

/** Moves one thread, named as by {@link thisThread}, to a processor. */
export function place(thread: string, processor: number): void {
  execFileSync('taskset', ['-cp', String(processor), thread.split('/').at(-1)!], { stdio: 'ignore' })
}

/** Processor time of a thread in nanoseconds, and how often it has fallen asleep. */
export function usageOf(thread: string): { cpuNs: number; sleeps: number } {
  const status = readFileSync(`/proc/${thread}/status`, 'utf8')
  const sleeps = Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)![1])
  return { cpuNs: Number(readFileSync(`/proc/${thread}/schedstat`, 'utf8').split(' ')[0]), sleeps }
}
