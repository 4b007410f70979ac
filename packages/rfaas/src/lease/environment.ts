import { ENVIRONMENT_BYTES_MAX } from './limits.ts'

/** Environment variables that a lease brings for its functions, by name. Values may be secrets: never log them. */
export type Environment = Readonly<Record<string, string>>

export const NO_ENVIRONMENT: Environment = {}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Says what is wrong with the variables; null when nothing is. Never shows the value of a string. */
export function environmentProblem(env: Readonly<Record<string, unknown>>): string | null {
  let bytes = 0
  for (const [name, value] of Object.entries(env)) {
    if (!NAME.test(name)) return `env: ${JSON.stringify(name)} is not a name of letters, digits and _`
    if (name.startsWith('RFAAS_')) return `env: ${name} belongs to rfaas`
    if (typeof value !== 'string') return `env: ${name} must be a string, not ${String(value)}`
    if (value.includes('\0')) return `env: ${name} has a NUL character`
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (bytes <= ENVIRONMENT_BYTES_MAX) return null
  return `env has ${bytes} bytes of names and values, at most ${ENVIRONMENT_BYTES_MAX} are allowed`
}
