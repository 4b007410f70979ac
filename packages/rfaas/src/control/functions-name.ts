import { RfaasError } from '../errors.ts'
import { FUNCTIONS_NAME_CHARS_MAX } from './limits.ts'

/** Functions that are deployed at a resource manager, by name. */
export interface FunctionsName {
  readonly name: string
  /** 0: the newest. */
  readonly version: number
}

const NAME = /^[A-Za-z][A-Za-z0-9_-]*$/
const VERSION = /^[1-9]\d{0,8}$/

/** What is wrong with the name of functions, as the end of a sentence; null: nothing. */
export function functionsNameProblem(name: string): string | null {
  const isName = NAME.test(name) && name.length <= FUNCTIONS_NAME_CHARS_MAX
  if (isName) return null
  return `the name must be a letter, then letters, digits, - or _, at most ${FUNCTIONS_NAME_CHARS_MAX} characters, not ${JSON.stringify(name)}`
}

/** Reads `pricing` or `pricing@2`; null: it is neither. */
export function parseFunctionsName(text: string): FunctionsName | null {
  const [name = '', version, ...rest] = text.split('@')
  if (rest.length > 0 || functionsNameProblem(name) !== null) return null
  if (version === undefined) return { name, version: 0 }
  return VERSION.test(version) ? { name, version: Number(version) } : null
}

/**
 * The functions of this name, to be undeployed.
 *
 * @throws {RfaasError} `invalid_argument` when it is no name
 */
export function nameToUndeploy(text: string): FunctionsName {
  const named = typeof text === 'string' ? parseFunctionsName(text) : null
  if (named !== null) return named
  const sentence = `Cannot undeploy: give a name such as pricing or pricing@2, not ${JSON.stringify(text)}`
  throw new RfaasError('invalid_argument', sentence)
}

/** The inverse of {@link parseFunctionsName}. */
export function formatFunctionsName({ name, version }: FunctionsName): string {
  return version === 0 ? name : `${name}@${version}`
}

/**
 * Whether `functions` is the path of a module, and not the name of deployed functions: a path has a slash or an extension, or
 * is a URL. It does not matter whether there is such a file.
 */
export function isModulePath(functions: string | URL): functions is string | URL {
  return functions instanceof URL || /[/\\.:]/.test(functions)
}

/**
 * The deployed functions that `functions` names; null when it is the path of a module.
 *
 * @throws {RfaasError} `invalid_argument` when it is neither
 */
export function deployedName(functions: string | URL): FunctionsName | null {
  if (isModulePath(functions)) return null
  const parsed = parseFunctionsName(functions)
  if (parsed !== null) return parsed
  const shown = JSON.stringify(functions)
  throw new RfaasError(
    'invalid_argument',
    `Cannot use the functions ${shown}: the name of deployed functions is like pricing or pricing@2, and the path of a module has a slash or an extension, like ./${functions}`,
  )
}
