import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { MARKED_LOOK_MS, MARKED_MS_MAX } from './limits.ts'

/**
 * Variable in the environment of an executor; processes that its functions start inherit it unless they leave it out.
 * Its value lists the ids of the executor and of the executors that it runs in, separated by commas.
 */
export const EXECUTOR_MARK = 'RFAAS_EXECUTOR'

/** A process that is an executor or was started by one. */
interface Marked {
  readonly pid: number
  readonly marks: readonly string[]
}

/** Kills processes with this mark until none is left, for at most MARKED_MS_MAX. */
export function endMarked(mark: string): Promise<void> {
  return signalAll(mark, async (pid) => signal(pid, 'SIGKILL'))
}

/** Stops processes with this mark outside of this process group until none of them runs, for at most MARKED_MS_MAX. */
export function stopMarked(mark: string, exceptGroup: number): Promise<void> {
  return signalAll(mark, async (pid) => {
    const { group, state } = await statOf(pid)
    return group !== exceptGroup && state !== 'T' && state !== '' && signal(pid, 'SIGSTOP')
  })
}

/** Continues the processes that {@link stopMarked} has stopped. */
export async function continueMarked(mark: string, exceptGroup: number): Promise<void> {
  for (const pid of (await marked(mark)).map((found) => found.pid)) {
    if ((await statOf(pid)).group !== exceptGroup) signal(pid, 'SIGCONT')
  }
}

/** Scans repeatedly until `send` signals no process: a signalled process may have started others meanwhile. */
async function signalAll(mark: string, send: (pid: number) => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + MARKED_MS_MAX
  for (;;) {
    let sent = false
    for (const { pid } of await marked(mark)) sent = (await send(pid)) || sent
    if (!sent || performance.now() > endMs) return
    // Polling is needed: the kernel notifies only the parent when a process is gone.
    await delay(MARKED_LOOK_MS)
  }
}

async function marked(mark: string): Promise<Marked[]> {
  return (await nextScan()).filter(({ marks }) => marks.includes(mark))
}

let running: Promise<unknown> = Promise.resolve()
let next: Promise<Marked[]> | null = null

/**
 * A scan that begins after this call. All callers before its begin share it, because many executors may end at once.
 */
function nextScan(): Promise<Marked[]> {
  next ??= running.then(() => {
    next = null
    const scanning = scan()
    running = scanning
    return scanning
  })
  return next
}

/** All marked processes of this machine that this user may inspect; those of other users are not seen. */
async function scan(): Promise<Marked[]> {
  const found: Marked[] = []
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue
    // Fails for other users' processes and for processes that end meanwhile; empty for processes that have ended.
    const environment = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '')
    const [, marks] = new RegExp(`(?:^|\0)${EXECUTOR_MARK}=([^\0]*)`).exec(environment) ?? []
    if (marks !== undefined) found.push({ pid: Number(name), marks: marks.split(',') })
  }
  return found
}

/** Process group and state (proc_pid_stat(5)); 0 and '' when the process is gone. */
async function statOf(pid: number): Promise<{ group: number; state: string }> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  const [state = '', , group = '0'] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { group: Number(group), state }
}

/** Whether there was a process to signal. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
