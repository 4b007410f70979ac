import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { UsageError } from '../exit.ts'

/** Where the input of an invocation comes from, as the command line says it. */
export interface InputFlags {
  /** Text of the input. */
  data?: string
  /** File of the input; `-` is standard input. */
  file?: string
  /** The JSON is an array of arguments. */
  args?: true
}

/** The bytes of the input; null when the command line names none. */
export async function readInput({ data, file }: InputFlags): Promise<Uint8Array | null> {
  if (data !== undefined) return Buffer.from(data)
  if (file === undefined) return null
  if (file === '-') return buffer(process.stdin)
  try {
    return await readFile(file)
  } catch (error) {
    throw new Error(`Cannot read the input: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * The arguments of the call: bytes for a raw function, else what the JSON says.
 *
 * @throws {UsageError} when it is not JSON, or with `--args` not an array
 */
export function argumentsOf(input: Uint8Array | null, isRaw: boolean, { file, args }: InputFlags): unknown[] {
  if (isRaw) {
    if (args) throw new UsageError('Cannot use --args: the function is raw and takes bytes')
    return [input ?? new Uint8Array(0)]
  }
  if (input === null) return []
  const source = file === undefined ? '--data' : `--file ${file}`
  const value = parseJson(Buffer.from(input).toString(), source)
  if (!args) return [value]
  if (Array.isArray(value)) return value as unknown[]
  throw new UsageError(
    `Cannot read ${source}: with --args it must be a JSON array, it is ${excerpt(JSON.stringify(value))}`,
  )
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const hint = `a typed function takes JSON, this is ${excerpt(text)}`
    throw new UsageError(`Cannot read ${source}: ${hint}`, { cause: error })
  }
}

function excerpt(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`
}
