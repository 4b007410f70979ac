import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { RfaasError } from 'rfaas'
import type { JobOptions } from './job.ts'
import { SEED_MAX } from './portfolio.ts'

const OPTIONS_DEFAULT = 2_000_000
/** Among the other things that may be removed at any time. */
const REPORT_DEFAULT = fileURLToPath(new URL('../../node_modules/.cache/rfaas/report.html', import.meta.url))

export const HELP = `Prices a portfolio of options with Black-Scholes on leased workers, and checks every price.

Usage: npm start [-- OPTIONS]

  --input FILE   price the options of a file in the text format of PARSEC's blackscholes: first their number, then a
                 line "S K r q vol T P|C divs reference" for each; without it the job makes a portfolio of its own
  --options N    how many options to make, an even number (default ${OPTIONS_DEFAULT})
  --seed N       what to make them from (default: another one each time; the job prints it)
  --report FILE  write the result as a page with pictures to FILE (default: report.html in the cache of this checkout;
                 with --json only where it is given)
  --json         print the result as one JSON object, and nothing else
  --help         print this help

Exit codes: 0 every price is right; 1 the job failed; 2 the arguments or the file are wrong; 130 ended by Ctrl-C
`

export interface Arguments extends JobOptions {
  /** Where to write the page; null for none. */
  report: string | null
  json: boolean
  help: boolean
}

/**
 * @param args what follows the name of the program
 * @throws {RfaasError} `invalid_argument`
 */
export function readArguments(args: readonly string[]): Arguments {
  const { input, options, seed, report, json, help } = parse(args)
  if (input !== undefined && (options ?? seed) !== undefined) {
    throw refusal('--options and --seed are for a portfolio of its own and do not go with --input')
  }
  return {
    input: input ?? null,
    options: wholeNumber('--options', options) ?? OPTIONS_DEFAULT,
    seed: wholeNumber('--seed', seed) ?? randomInt(SEED_MAX + 1),
    report: report ?? (json === true ? null : REPORT_DEFAULT),
    json: json ?? false,
    help: help ?? false,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        input: { type: 'string' },
        options: { type: 'string' },
        seed: { type: 'string' },
        report: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    // Keeps the first sentence only: Node goes on with advice about positional arguments, of which there are none.
    throw refusal((error as Error).message.split(/\.\s/)[0]!)
  }
}

function wholeNumber(flag: string, text: string | undefined): number | null {
  if (text === undefined) return null
  if (!/^\d{1,15}$/.test(text)) throw refusal(`${flag} is ${JSON.stringify(text)}, must be a whole number`)
  return Number(text)
}

function refusal(reason: string): RfaasError {
  return new RfaasError('invalid_argument', `Cannot start the job: ${reason}; --help tells more`)
}
