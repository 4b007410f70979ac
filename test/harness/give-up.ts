import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { InvokeOptions } from 'rfaas'

import { becomes } from './waiting.ts'

let calls = 0

/**
 * Calls a function, and gives up as soon as it has begun: a call that has not begun would be cancelled.
 *
 * @param folder for the file by which the function says that it has begun
 * @param call with the options, and the path of that file
 */
export async function giveUpOnceBegun<T>(
  folder: string,
  call: (options: InvokeOptions, begun: string) => Promise<T>,
): Promise<T> {
  const begun = join(folder, `begun-${++calls}`)
  const controller = new AbortController()
  const outcome = call({ signal: controller.signal }, begun)
  outcome.catch(() => {})
  try {
    await becomes(true, () => existsSync(begun))
    controller.abort()
    return await outcome
  } finally {
    rmSync(begun, { force: true })
  }
}
