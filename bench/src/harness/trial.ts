import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** One program that measures one thing once, in its own process. */
export interface Trial {
  file: string
  args: readonly (string | number)[]
}

/**
 * What a trial prints on stdout, line by line: a bare number is a sample in nanoseconds, `name=number` a named value.
 */
export interface TrialResult {
  samplesNs: number[]
  values: Record<string, number>
}

/** A trial written in TypeScript, in `bench/src/trials`. */
export function nodeTrial(name: string, ...args: readonly (string | number)[]): Trial {
  return { file: process.execPath, args: [fileURLToPath(new URL(`../trials/${name}.ts`, import.meta.url)), ...args] }
}

/** A trial written in C, in `bench/native`. */
export function nativeTrial(name: string, ...args: readonly (string | number)[]): Trial {
  return { file: fileURLToPath(new URL(`../../build/${name}`, import.meta.url)), args }
}

/**
 * Runs the trial to its end.
 *
 * @param timeoutMs default 120,000; then the trial is killed
 * @throws Error with its stderr when it exits with another code than 0
 */
export async function runTrial(trial: Trial, timeoutMs = 120_000): Promise<TrialResult> {
  const child = spawn(trial.file, trial.args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  try {
    const [output, complaint, [code, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ])
    if (code !== 0) throw new Error(`Trial ${describe(trial)} ended with ${code ?? signal}: ${complaint.trim()}`)
    return parseTrial(output)
  } finally {
    clearTimeout(timer)
  }
}

/** @throws Error when a line is neither a number nor `name=number` */
export function parseTrial(output: string): TrialResult {
  const result: TrialResult = { samplesNs: [], values: {} }
  for (const line of output.split('\n')) {
    if (line === '') continue
    const [name, value] = line.includes('=') ? (line.split('=', 2) as [string, string]) : ['', line]
    const number = Number(value)
    if (value === '' || !Number.isFinite(number)) throw new Error(`Cannot read trial output: ${JSON.stringify(line)}`)
    if (name === '') result.samplesNs.push(number)
    else result.values[name] = number
  }
  return result
}

function describe(trial: Trial): string {
  return [trial.file, ...trial.args].join(' ')
}
