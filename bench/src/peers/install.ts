import { RfaasError } from 'rfaas'
import { installPackages } from '../../../examples/shared/packages.ts'

/**
 * Installs the packages of a peer, or of an example, into its own folder, once. A failure affects no other.
 *
 * @param folder the peer's folder, next to this file, or a URL
 * @returns null when they are installed, else one sentence with the reason
 */
export async function install(folder: string | URL): Promise<string | null> {
  try {
    await installPackages(new URL(`${folder}/`, import.meta.url))
    return null
  } catch (error) {
    if (error instanceof RfaasError) return error.sentence
    throw error
  }
}
