import { median, ratioOverRounds } from '../harness/rounds.ts'
import type { BenchRecord } from '../harness/report.ts'
import type { Job } from './costs.ts'

const DOUBLE = 8

/** What of each application travels; the sizes are those of the bench `applications`, whose labels must contain `size`. */
const APPLICATIONS = {
  blackScholes: {
    name: 'Black-Scholes, 1,000,000 options',
    size: '1,000,000',
    // Seven numbers in, a price out (`examples/black-scholes/rows.ts`).
    inputBytes: 1e6 * 7 * DOUBLE,
    outputBytes: 1e6 * DOUBLE,
    commonBytes: 0,
    callBytes: 0,
  },
  matmul: {
    name: 'matrix multiplication, 768 × 768',
    size: '768 × 768',
    inputBytes: 768 * 768 * DOUBLE,
    outputBytes: 768 * 768 * DOUBLE,
    // The right matrix, which each worker gets in every run.
    commonBytes: 768 * 768 * DOUBLE,
    callBytes: 0,
  },
  jacobi: {
    name: "a sweep of Jacobi's method, 1024 unknowns",
    size: '1024 unknowns',
    inputBytes: 0,
    outputBytes: 1024 * DOUBLE,
    commonBytes: 0,
    // The vector travels with each piece; the equations stay on the workers.
    callBytes: 1024 * DOUBLE,
  },
} as const

export type ApplicationKey = keyof typeof APPLICATIONS
export const APPLICATION_KEYS = Object.keys(APPLICATIONS) as ApplicationKey[]

/**
 * An application as the bench `applications` has measured it: its time alone, and what two threads of one program lose
 * beside each other, which no way to offload can undo.
 *
 * @throws Error when the bench has computed another size
 */
export function applicationJob({ series }: BenchRecord, key: ApplicationKey): Job | null {
  const [alone, threads] = [series[`${key}.alone`], series[`${key}.threads`]]
  if (alone === undefined || threads === undefined) return null
  const { size, ...sizes } = APPLICATIONS[key]
  if (!alone.label.includes(size))
    throw new Error(`Cannot predict ${key}: its size in the model is ${size}, but the bench measured “${alone.label}”`)
  return {
    ...sizes,
    workNs: median(alone.values.ms!) * 1e6,
    pieceNs: null,
    efficiency: Math.min(1, ratioOverRounds(alone.values.ms!, threads.values.ms!) / 2),
  }
}

/** The function of the bench `parallel`: some tens of µs a call, in place. Its efficiency is what one worker reaches. */
export function functionJob({ series, summary }: BenchRecord): Job | null {
  if (series.compute0 === undefined || summary.oneWorkerOverAlone === undefined) return null
  const pieceNs = 1e9 / median(series.compute0.values.callsPerSecond!)
  return {
    name: `a function of ${Math.round(pieceNs / 1000)} µs, called again and again`,
    workNs: 1e9,
    pieceNs,
    inputBytes: (1e9 / pieceNs) * 64,
    outputBytes: (1e9 / pieceNs) * 64,
    commonBytes: 0,
    callBytes: 0,
    efficiency: Math.min(1, summary.oneWorkerOverAlone),
  }
}
