import { RfaasError } from '../errors.ts'

/** Where the commands look for the resource manager by default. */
export const DEFAULT_MANAGER_URL = 'http://127.0.0.1:7070'

/**
 * Reads the URL of a resource manager: scheme, host and port, nothing after them.
 *
 * @param what names the value in the sentence
 * @returns the URL without a slash at its end
 * @throws {RfaasError} `invalid_argument`
 */
export function parseManagerUrl(text: string, what: string): string {
  const refuse = (reason: string): never => {
    throw new RfaasError(
      'invalid_argument',
      `Cannot read ${what}: ${JSON.stringify(text)} ${reason}; a manager's URL looks like ${DEFAULT_MANAGER_URL}`,
    )
  }
  const url = URL.parse(text) ?? refuse('is not a URL')
  if (url.protocol !== 'http:') refuse('does not begin with http://')
  if (url.username !== '' || url.password !== '') refuse('carries a user name or password')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') refuse('says more than host and port')
  return url.origin
}
