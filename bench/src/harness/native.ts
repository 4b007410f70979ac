import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const NATIVE = fileURLToPath(new URL('../../native', import.meta.url))

/**
 * Builds the C floors that are out of date.
 *
 * @throws Error with the compiler's output
 */
export async function buildNative(): Promise<void> {
  try {
    await promisify(execFile)('make', ['--silent', '-C', NATIVE])
  } catch (error) {
    const reason = (error as { stderr?: string }).stderr?.trim() || String(error)
    throw new Error(`Cannot build the C floors in ${NATIVE}: ${reason}`, { cause: error })
  }
}
