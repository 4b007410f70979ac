import { existsSync, lstatSync, mkdtempSync, readdirSync, readlinkSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { makeFolder } from '../make-folder.ts'

const ATTEMPTS_MAX = 3

/**
 * Makes an empty folder to be the working directory of one lease: `PID-random`, for this user alone, in a folder that
 * all nodes of the user share. Those of processes that ended without their node, which could not remove them, are
 * removed now. Its maker removes it with {@link removeWorkFolder}.
 *
 * @param pid the process that will work in it
 * @returns its absolute path; empty where temporary files cannot be written
 */
export function makeWorkFolder(pid: number): string {
  // Another node may remove the shared folder, because it is empty, before this one has made a folder in it.
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    try {
      return madeIn(join(tmpdir(), `rfaas-work-${process.getuid!()}-${pidNamespace()}`), pid)
    } catch {
      continue
    }
  }
  return ''
}

function madeIn(root: string, pid: number): string {
  makeFolder(root)
  const { uid, mode } = lstatSync(root)
  // Anybody may make one of this name among the temporary files.
  if (uid !== process.getuid!() || (mode & 0o077) !== 0) return ''
  for (const name of readdirSync(root)) {
    if (!existsSync(`/proc/${Number.parseInt(name, 10)}`)) void remove(join(root, name))
  }
  return mkdtempSync(join(root, `${pid}-`))
}

/** Removes it with all that is in it, and the shared folder after the last one. Idempotent; what cannot be removed stays. */
export async function removeWorkFolder(folder: string): Promise<void> {
  if (folder === '') return
  await remove(folder)
  await rmdir(dirname(folder)).catch(() => {})
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {})
}

/** Containers may share temporary files, but have processes of their own. */
function pidNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))![0]
}
