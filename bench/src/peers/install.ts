import { RfaasError } from 'rfaas'
import { installPackages } from '../../../examples/shared/packages.ts'

/**
 * Installs a peer's packages into its own folder, once. A failure affects no other peer.
 *
 * @param folder the peer's folder, next to this file
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
