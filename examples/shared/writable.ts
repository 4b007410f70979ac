import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { RfaasError } from 'rfaas'

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
