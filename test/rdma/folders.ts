import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** Folder that keeps files between runs; the guest has no files anywhere else. */
export const cacheFolder: string = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'rfaas/rdma-guest')

/** A new folder in the cache; removed at the end of the scope, or when this process exits. */
export function temporaryFolder(prefix: string): { readonly path: string } & Disposable {
  mkdirSync(cacheFolder, { recursive: true })
  const path = mkdtempSync(join(cacheFolder, `${prefix}-`))
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  process.once('exit', remove)
  return {
    path,
    [Symbol.dispose]() {
      process.off('exit', remove)
      remove()
    },
  }
}
