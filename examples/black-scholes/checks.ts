import { RfaasError } from 'rfaas'
import { ROW_NUMBERS, readRow, type Portfolio } from './rows.ts'

/** One way in which every price was checked. */
export interface Check {
  /** What the prices were held against, for a person. */
  against: string
  compared: number
  /** The largest absolute difference, in money; Infinity when a price is not a number. */
  deviationMax: number
  /** Where it was: the option's position in the portfolio; -1 when nothing deviates. */
  deviationAt: number
  /** Absolute, in money. */
  tolerance: number
  passed: boolean
}

/** The same code on the same rows: another processor may round an exponential differently, and that is all. */
const LOCAL_TOLERANCE = 1e-9
/** Both sides of parity are differences of numbers up to a few hundred, each rounded to 16 digits. */
const PARITY_TOLERANCE = 1e-9
/** PARSEC's own: its prices are single precision. */
const REFERENCE_TOLERANCE = 1e-4

/**
 * Every check that the portfolio allows.
 *
 * @param prices what came back from the workers, in the order of the portfolio
 * @param localPrices what this process computed
 */
export function checkPrices(portfolio: Portfolio, prices: Float64Array, localPrices: Float64Array): Check[] {
  const checks = [compare('a local run', LOCAL_TOLERANCE, prices, localPrices)]
  if (portfolio.references !== null) {
    const references = portfolio.references.subarray(0, portfolio.count)
    checks.push(compare('the reference column', REFERENCE_TOLERANCE, prices, references))
  }
  if (portfolio.paired) checks.push(checkParity(portfolio.rows, prices))
  return checks
}

/** The larger deviation of each check; `before` is empty at first. */
export function worstOf(before: readonly Check[], now: readonly Check[]): Check[] {
  return now.map((check, index) => {
    const earlier = before[index]
    return earlier === undefined || check.deviationMax > earlier.deviationMax ? check : earlier
  })
}

/** @throws {RfaasError} `internal` that names the first option that is out of a check's tolerance */
export function assertPassed(checks: Check[], portfolio: Portfolio, prices: Float64Array): void {
  for (const check of checks) {
    if (check.passed) continue
    const at = check.deviationAt
    const { kind, spot, strike } = readRow(portfolio.rows, at)
    throw new RfaasError(
      'internal',
      `Cannot trust the prices: option ${at + 1} (${kind}, S ${spot}, K ${strike}) came back as ${prices[at]!}, ` +
        `${check.deviationMax} away from ${check.against}; allowed is ${check.tolerance}`,
    )
  }
}

function compare(against: string, tolerance: number, prices: Float64Array, expected: Float64Array): Check {
  return largest(against, tolerance, expected.length, 1, (index) => Math.abs(prices[index]! - expected[index]!))
}

/** Put–call parity, C − P = S·e^(−qT) − K·e^(−rT): knows nothing of the normal distribution. */
function checkParity(rows: Float64Array, prices: Float64Array): Check {
  return largest('put–call parity', PARITY_TOLERANCE, prices.length, 2, (index) => {
    const at = index * ROW_NUMBERS
    const spotToday = rows[at + 1]! * Math.exp(-rows[at + 4]! * rows[at + 6]!)
    const strikeToday = rows[at + 2]! * Math.exp(-rows[at + 3]! * rows[at + 6]!)
    return Math.abs(prices[index]! - prices[index + 1]! - (spotToday - strikeToday))
  })
}

function largest(
  against: string,
  tolerance: number,
  compared: number,
  step: number,
  deviation: (index: number) => number,
): Check {
  let deviationMax = 0
  let deviationAt = -1
  for (let index = 0; index < compared; index += step) {
    const here = deviation(index)
    if (here <= deviationMax) continue
    deviationAt = index
    deviationMax = Number.isNaN(here) ? Infinity : here
    if (deviationMax === Infinity) break
  }
  return { against, compared, deviationMax, deviationAt, tolerance, passed: deviationMax < tolerance }
}
