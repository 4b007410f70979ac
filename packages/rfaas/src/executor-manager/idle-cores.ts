import { readFileSync } from 'node:fs'

/** How many cores of the machine had nothing to do, whoever leases or uses them otherwise. */
export class IdleCores {
  #last = look()

  /** On average since the last call; of an empty time none. */
  sinceLastLook(): number {
    const now = look()
    const passed = now.all - this.#last.all
    const idle = passed <= 0 ? 0 : (now.cores * (now.idle - this.#last.idle)) / passed
    this.#last = now
    return idle
  }
}

interface Ticks {
  readonly idle: number
  readonly all: number
  readonly cores: number
}

/** proc_stat(5). The node answers nobody meanwhile, and os.cpus() also looks up each core's name and speed. */
function look(): Ticks {
  const lines = readFileSync('/proc/stat', 'latin1').split('\n')
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = lines[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const cores = lines.findIndex((line) => !line.startsWith('cpu')) - 1
  return { idle: idle + iowait, all: user + nice + system + idle + iowait + irq + softirq + steal, cores }
}
