import { RfaasError } from 'rfaas'
import { installPackages } from '../shared/packages.ts'

/**
 * For tests: brings the packages of an example.
 *
 * @returns why the test cannot run, when the registry cannot be reached; else `false`
 */
export async function reasonToSkip(folder: URL): Promise<string | false> {
  try {
    await installPackages(folder)
    return false
  } catch (error) {
    if (error instanceof RfaasError && error.code === 'unsupported') return error.sentence
    throw error
  }
}
