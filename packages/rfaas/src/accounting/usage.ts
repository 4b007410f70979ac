import { create } from '@bufbuild/protobuf'
import { UsageSchema } from '../control/gen/rfaas_pb.ts'
import type { Usage as ProtoUsage } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'

/** What a lease has used since it began. Every meter only grows. */
export interface Usage {
  /** Cores × seconds that they were allocated. */
  readonly allocationCoreS: number
  /** GiB × seconds that they were allocated. */
  readonly allocationGibS: number
  /** Nanoseconds that workers polled for work, summed over the workers. */
  readonly hotPollingNs: number
  /** Nanoseconds that functions ran, summed over the workers. */
  readonly executionNs: number
  readonly invocations: number
}

export const NO_USAGE: Usage = {
  allocationCoreS: 0,
  allocationGibS: 0,
  hotPollingNs: 0,
  executionNs: 0,
  invocations: 0,
}

const METERS = Object.keys(NO_USAGE) as (keyof Usage)[]

/** The usage of two leases together. */
export function addUsage(a: Usage, b: Usage): Usage {
  return combine(a, b, (x, y) => x + y)
}

/**
 * Merges two reports of one lease, in whichever order and however often they came: reports are cumulative, so the
 * larger reading of each meter is the later one.
 */
export function mergeReports(a: Usage, b: Usage): Usage {
  return combine(a, b, Math.max)
}

function combine(a: Usage, b: Usage, f: (x: number, y: number) => number): Usage {
  return {
    allocationCoreS: f(a.allocationCoreS, b.allocationCoreS),
    allocationGibS: f(a.allocationGibS, b.allocationGibS),
    hotPollingNs: f(a.hotPollingNs, b.hotPollingNs),
    executionNs: f(a.executionNs, b.executionNs),
    invocations: f(a.invocations, b.invocations),
  }
}

/** The prices of a lease, in a currency of your choice, per second of each meter. */
export interface Prices {
  /** Per core and second allocated. */
  readonly perCoreS: number
  /** Per GiB and second allocated. */
  readonly perGibS: number
  /** Per second of polling, on top of the allocated core. */
  readonly perHotPollingS: number
  /** Per second of execution, on top of the allocated core. */
  readonly perExecutionS: number
}

/**
 * An idle core costs 1 an hour, and a GiB an eighth of that. A core that polls or executes costs twice as much as one
 * that sleeps, because nobody else can use it meanwhile.
 */
export const DEFAULT_PRICES: Prices = {
  perCoreS: 1 / 3600,
  perGibS: 1 / 8 / 3600,
  perHotPollingS: 1 / 3600,
  perExecutionS: 1 / 3600,
}

/** cost = Ca · allocation + Ch · hot polling + Ct · execution, in the currency of the prices. */
export function cost(usage: Usage, prices: Prices): number {
  return (
    usage.allocationCoreS * prices.perCoreS +
    usage.allocationGibS * prices.perGibS +
    (usage.hotPollingNs / 1e9) * prices.perHotPollingS +
    (usage.executionNs / 1e9) * prices.perExecutionS
  )
}

/**
 * Fills in the defaults.
 *
 * @throws {RfaasError} `invalid_argument` when a price is negative or not finite, or has an unknown name
 */
export function checkPrices(prices: Partial<Prices>): Prices {
  for (const [name, price] of Object.entries(prices)) {
    const reason = !Object.hasOwn(DEFAULT_PRICES, name)
      ? `it is unknown; known are ${Object.keys(DEFAULT_PRICES).join(', ')}`
      : badNumber(price)
    if (reason !== null) throw new RfaasError('invalid_argument', `Cannot use the price ${name}: ${reason}`)
  }
  return { ...DEFAULT_PRICES, ...prices }
}

export function usageToProto(usage: Usage): ProtoUsage {
  return create(UsageSchema, usage)
}

/**
 * Checks a usage; an absent one counts as none.
 *
 * @throws {RfaasError} `invalid_argument` when a meter is negative or not finite
 */
export function usageFromProto(proto: ProtoUsage | undefined): Usage {
  if (proto === undefined) return NO_USAGE
  const { allocationCoreS, allocationGibS, hotPollingNs, executionNs, invocations } = proto
  const usage: Usage = { allocationCoreS, allocationGibS, hotPollingNs, executionNs, invocations }
  for (const meter of METERS) {
    const reason = badNumber(usage[meter])
    if (reason !== null) throw new RfaasError('invalid_argument', `Cannot count usage: ${meter}: ${reason}`)
  }
  return usage
}

function badNumber(value: unknown): string | null {
  if (typeof value !== 'number' || !Number.isFinite(value)) return `${String(value)} is not a finite number`
  return value < 0 ? `${value} is negative` : null
}
