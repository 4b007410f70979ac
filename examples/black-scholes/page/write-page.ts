import { mkdir, open, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { RfaasError } from 'rfaas'
import type { JobResult } from '../result.ts'

/**
 * Sees that a file can be written, before the work whose result goes there. Makes its folder.
 *
 * @throws {RfaasError} `invalid_argument`
 */
export async function assertWritable(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true })
    await (await open(file, 'a')).close()
  } catch (error) {
    const { message } = error as Error
    throw new RfaasError('invalid_argument', `Cannot write the report to ${file}: ${message}`, { cause: error })
  }
}

export async function writePage(file: string, result: JobResult): Promise<void> {
  // The libraries that draw take longer to load than all of ours.
  const { renderPage } = await import('./page.ts')
  await writeFile(file, renderPage(result))
}
