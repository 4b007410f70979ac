import { readFileSync } from 'node:fs'

/** Measures how many cores of the machine were idle, whether or not they are leased. */
export class IdleCores {
  #last = look()

  /** The average since the last call; 0 when no time has passed. */
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

/** proc_stat(5). Blocks the event loop, so os.cpus() is avoided: it also looks up each core's name and speed. */
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
