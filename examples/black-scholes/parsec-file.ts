import { open } from 'node:fs/promises'
import { RfaasError } from 'rfaas'
import { OPTIONS_MAX } from './portfolio.ts'
import { ROW_NUMBERS, writeRow, type Option, type Portfolio } from './rows.ts'

const FIELDS = 'S K r q vol T P|C divs reference'
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
/**
 * Room to begin with, in options. It grows with the options read, so that a file which promises more than it holds
 * costs no memory for its promise.
 */
const ROOM = 65_536

/**
 * Reads a portfolio in the text format of PARSEC's blackscholes: first the number of options, then a line
 * `S K r q vol T P|C divs reference` for each. `q` is a continuous dividend yield; `divs`, which PARSEC reads and
 * does not use, must be 0. Blank lines at the end are allowed.
 *
 * @throws {RfaasError} `invalid_argument` with the number of the line when the file is not such a file
 */
export async function readParsecFile(path: string): Promise<Portfolio> {
  try {
    await using file = await open(path)
    return await readParsecLines(file.readLines({ encoding: 'utf8' }), path)
  } catch (error) {
    if (error instanceof RfaasError) throw error
    throw new RfaasError('invalid_argument', `Cannot read options from ${path}: ${systemReason(error)}`, {
      cause: error,
    })
  }
}

/**
 * Like {@link readParsecFile}, for given lines.
 *
 * @param source what the lines are called in errors
 * @throws {RfaasError} `invalid_argument`
 */
export async function readParsecLines(
  lines: AsyncIterable<string> | Iterable<string>,
  source: string,
): Promise<Portfolio> {
  let lineNumber = 0
  const refuse = (at: number, reason: string): never => {
    throw new RfaasError('invalid_argument', `Cannot read options from ${source}: line ${at}: ${reason}`)
  }
  let promised = 0
  let count = 0
  let rows = new Float64Array(0)
  let references = new Float64Array(0)
  for await (const line of lines) {
    lineNumber++
    if (lineNumber === 1) {
      promised = readCount(line, (reason) => refuse(1, reason))
      rows = new Float64Array(Math.min(promised, ROOM) * ROW_NUMBERS)
      references = new Float64Array(Math.min(promised, ROOM))
    } else if (count === promised) {
      if (line.trim() !== '') refuse(lineNumber, `one option too many, the first line says ${promised}`)
    } else {
      if (count === references.length) {
        const room = Math.min(promised, count * 2)
        rows = new Float64Array(rows.buffer.transfer(room * ROW_NUMBERS * Float64Array.BYTES_PER_ELEMENT))
        references = new Float64Array(references.buffer.transfer(room * Float64Array.BYTES_PER_ELEMENT))
      }
      const { option, reference } = readOption(line, (reason) => refuse(lineNumber, reason))
      writeRow(rows, count, option)
      references[count] = reference
      count++
    }
  }
  if (lineNumber === 0) refuse(1, 'the file is empty, must begin with the number of options')
  if (count < promised) {
    refuse(lineNumber + 1, `the file ends after ${count} options, the first line says ${promised}`)
  }
  return { source, count, rows, references, paired: false }
}

type Refuse = (reason: string) => never

function readCount(line: string, refuse: Refuse): number {
  const text = line.trim()
  const count = /^\d+$/.test(text) ? Number(text) : NaN
  if (!(count >= 1 && count <= OPTIONS_MAX)) {
    refuse(`the number of options is ${quote(text)}, must be a whole number from 1 to ${OPTIONS_MAX}`)
  }
  return count
}

function readOption(line: string, refuse: Refuse): { option: Option; reference: number } {
  const fields = line.trim().split(/\s+/)
  if (line.trim() === '') refuse(`blank, must be an option: ${FIELDS}`)
  if (fields.length !== 9) refuse(`${fields.length} fields, must be 9: ${FIELDS}`)
  const number = (name: string, index: number, least?: 'above 0'): number => {
    const text = fields[index]!
    const value = NUMBER.test(text) ? Number(text) : NaN
    if (!Number.isFinite(value)) refuse(`${name} is ${quote(text)}, must be a number`)
    if (least !== undefined && value <= 0) refuse(`${name} is ${quote(text)}, must be above 0`)
    return value
  }
  const kind = fields[6]!
  if (kind !== 'P' && kind !== 'C') refuse(`the kind of option is ${quote(kind)}, must be P or C`)
  const option: Option = {
    kind: kind === 'C' ? 'call' : 'put',
    spot: number('S (spot price)', 0, 'above 0'),
    strike: number('K (strike price)', 1, 'above 0'),
    rate: number('r (risk-free rate)', 2),
    dividendRate: number('q (dividend rate)', 3),
    volatility: number('vol (volatility)', 4, 'above 0'),
    years: number('T (years to expiry)', 5, 'above 0'),
  }
  const dividends = number('divs (dividends)', 7)
  if (dividends !== 0) refuse(`divs (dividends) is ${quote(fields[7]!)}, only 0 can be priced`)
  return { option, reference: number('the reference price', 8) }
}

/** What a field says, on one line and not too long: the file may be anything. */
function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}

function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EISDIR') return 'it is a directory'
  if (code === 'EACCES') return 'it may not be read'
  return message
}
