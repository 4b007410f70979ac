import { existsSync, lstatSync, mkdtempSync, readdirSync, readlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { makeFolder } from '../make-folder.ts'

/**
 * Makes an empty folder to be the working directory of one lease: `PID-random`, for this user alone, in a folder that
 * all nodes of the user share. Those of processes that ended without their node, which could not remove them, are
 * removed now. Its maker removes it with {@link removeWorkFolder}.
 *
 * @param pid the process that will work in it
 * @returns its absolute path; empty where temporary files cannot be written
 */
export function makeWorkFolder(pid: number): string {
  try {
    const root = join(tmpdir(), `rfaas-work-${process.getuid!()}-${pidNamespace()}`)
    makeFolder(root)
    const { uid, mode } = lstatSync(root)
    // Anybody may make one of this name among the temporary files.
    if (uid !== process.getuid!() || (mode & 0o077) !== 0) return ''
    for (const name of readdirSync(root)) {
      if (!existsSync(`/proc/${Number.parseInt(name, 10)}`)) void removeWorkFolder(join(root, name))
    }
    return mkdtempSync(join(root, `${pid}-`))
  } catch {
    return ''
  }
}

/** Removes it with all that is in it. Idempotent; what cannot be removed stays. */
export async function removeWorkFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {})
}

/** Containers may share temporary files, but have processes of their own. */
function pidNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))![0]
}
