// `npm run sim -- --seeds 1000000` runs that many schedules; `--seed 7` runs one of them and prints its trace; `--break
// NAME` plants a bug and finds it, `--break all` does so for each bug. Exits with 1 when an invariant did not hold, or
// when a planted bug was not found.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { BREAKS, NO_BREAK } from './breaks.ts'
import { runSchedule } from './schedule.ts'
import { breakErrands, errandsFor, runErrands } from './seeds.ts'
import type { ErrandDone } from './seeds.ts'

const SEEDS_DEFAULT = 10_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    first: { type: 'string' },
    seed: { type: 'string' },
    break: { type: 'string' },
  },
})
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())

function whole(name: string, value: string): number {
  const number = Number(value)
  if (Number.isSafeInteger(number) && number >= 0) return number
  console.error(`--${name} must be a whole number, not ${JSON.stringify(value)}`)
  process.exit(2)
}

/** @returns whether every invariant held */
async function replay(seed: number): Promise<boolean> {
  const breaks = values.break === undefined ? NO_BREAK : BREAKS[values.break]!
  const { failure, steps, trace } = await runSchedule(seed, breaks, true)
  for (const line of trace) console.log(line)
  console.log(`\nseed ${seed}, ${steps} steps: ${failure ?? 'every invariant holds'}`)
  return failure === null
}

async function runSeeds(count: number): Promise<boolean> {
  const firstSeed = values.first === undefined ? randomInt(2 ** 40) : whole('first', values.first)
  console.log(`${count} schedules from seed ${firstSeed}`)
  const startMs = performance.now()
  let done = 0
  let failed = 0
  let saidMs = startMs
  const onProgress = ({ count: more, failures }: ErrandDone): void => {
    done += more
    failed += failures.length
    for (const { seed, failure } of failures) console.log(`seed ${seed}: ${failure}`)
    const nowMs = performance.now()
    if (nowMs - saidMs < 5000) return
    saidMs = nowMs
    console.log(`${done} of ${count}, ${rate(done, nowMs - startMs)}, ${failed} failed`)
  }
  await runErrands(errandsFor(firstSeed, count), { signal: stop.signal, onProgress })
  console.log(`${done} schedules, ${rate(done, performance.now() - startMs)}, ${failed} failed`)
  if (failed > 0) console.log('`npm run sim -- --seed N` runs one again and prints its trace.')
  return failed === 0 && done === count
}

async function findBreaks(names: readonly string[]): Promise<boolean> {
  const found = await runErrands(breakErrands(names), { signal: stop.signal })
  for (const [i, name] of names.entries()) {
    const first = found[i]?.failures[0]
    console.log(first ? `${name}: found at seed ${first.seed}: ${first.failure}` : `${name}: NOT FOUND`)
  }
  return names.every((_, i) => (found[i]?.failures.length ?? 0) > 0)
}

function rate(count: number, ms: number): string {
  return `${Math.round((count / ms) * 1000)}/s`
}

if (values.break !== undefined && values.break !== 'all' && !Object.hasOwn(BREAKS, values.break)) {
  console.error(`--break must be all or one of ${Object.keys(BREAKS).join(', ')}, not ${values.break}`)
  process.exit(2)
}
const isFine =
  values.seed !== undefined
    ? await replay(whole('seed', values.seed))
    : values.break !== undefined
      ? await findBreaks(values.break === 'all' ? Object.keys(BREAKS) : [values.break])
      : await runSeeds(values.seeds === undefined ? SEEDS_DEFAULT : whole('seeds', values.seeds))
process.exitCode = isFine ? 0 : 1
