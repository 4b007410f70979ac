import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

export interface Process {
  readonly pid: number
  readonly parentPid: number
  readonly command: readonly string[]
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it ended meanwhile, or is another user's
  }
}

/**
 * The processes of this machine that have not ended. Zombies, which have ended but whose parent has not been told, are
 * left out.
 */
export function processes(): Process[] {
  const found: Process[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const pid = Number(name)
    const stat = readProc(pid, 'stat')
    // pid (command, which may hold anything) state parent …
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (parent === undefined || state === 'Z') continue
    found.push({ pid, parentPid: Number(parent), command: readProc(pid, 'cmdline').split('\0').slice(0, -1) })
  }
  return found
}

/** Whether the process was started with this `NAME=value` in its environment, or inherited it. */
export function hasEnvironment(pid: number, entry: string): boolean {
  return readProc(pid, 'environ').split('\0').includes(entry)
}

/** Whether the process runs in the folder, or was started with a file of it. */
export function belongsTo(process: Process, folder: string): boolean {
  let cwd = ''
  try {
    cwd = readlinkSync(`/proc/${process.pid}/cwd`)
  } catch {
    // it ended meanwhile, or is another user's
  }
  return [cwd, ...process.command].some((path) => path === folder || path.startsWith(`${folder}/`))
}
