import { strict as assert } from 'node:assert'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { JobResult } from '../../examples/black-scholes/result.ts'
import { MainJob } from './main-job-process.ts'
import type { MarkedProcess } from '../marked-processes.ts'

const PARSEC = fileURLToPath(new URL('../../../shared/data/blackscholes-options.txt', import.meta.url))
/** Longest wait until nothing is left after the end of the job. An executor in a pool gets little time on a busy machine. */
const CLEAN_MS_MAX = 20_000
/** From a kill until the job has ended. */
const END_MS_MAX = 20_000
/** Enough options that there is time to kill somebody while they are priced. */
const LONG = ['--options', '4000000']

test('the main job prints its table and leaves nothing behind', async () => {
  await using job = new MainJob(['--seed', '20231107'])
  const { code, stdout, stderr } = await job.ended
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  for (const line of [
    /^2 leases +node near +node far$/m,
    /^  reached over +local \(shared memory\) +TCP$/m,
    /^  request to first result +[\d,.]+ ms +[\d,.]+ ms$/m,
    /^  hot no-op, 64 B, median +[\d,.]+ [µm]?s +[\d,.]+ [µm]?s$/m,
    /^    99th percentile +[\d,.]+ [µm]?s +[\d,.]+ [µm]?s$/m,
    /^2,000,000 options +own portfolio, seed 20231107$/m,
    /^    the same without rfaas, median +[\d,.]+ [µm]?s \(shared memory\) +[\d,.]+ [µm]?s \(node:net\)$/m,
    /^  this thread alone +[\d,.]+ million\/s$/m,
    /^  \d+ leased workers +[\d,.]+ million\/s +[\d,.]+ × as fast$/m,
    /^  this thread and \d+ workers? +[\d,.]+ million\/s +[\d,.]+ × as fast$/m,
    /^With pictures: .*report\.html$/m,
    /^  ✔ against a local run +0 +allowed 1e-9$/m,
    /^  ✔ against put–call parity +[\d.]+e-1\d +allowed 1e-9$/m,
    /^The leases cost +[\d.]+e-\d+ /m,
  ]) {
    assert.match(stdout, line)
  }
  assert.ok(!stdout.includes('\u001b'), 'there are colours, and no terminal')
  assert.deepEqual(await job.leftBehind(CLEAN_MS_MAX), [])
})

test('the main job prints one JSON object with --json, and both leases did their part of the work', async () => {
  await using job = new MainJob(['--json', '--options', '200000'])
  const { code, stdout, stderr } = await job.ended
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  const { portfolio, leases, speeds, speedup, checks, phases, cost } = JSON.parse(stdout) as JobResult
  assert.equal(portfolio.options, 200_000)
  assert.deepEqual(
    leases.map(({ nodeId, fabric, workers }) => ({ nodeId, fabric, workers })),
    [
      { nodeId: 'near', fabric: 'local', workers: Math.max(1, availableParallelism() - 2) },
      { nodeId: 'far', fabric: 'tcp', workers: 1 },
    ],
  )
  for (const lease of leases) {
    assert.ok(lease.options > 0)
    assert.ok(lease.roundTrips.medianNs > 0 && lease.roundTrips.medianNs <= lease.roundTrips.p99Ns)
    assert.ok(lease.usage.invocations > lease.roundTrips.rounds)
    assert.ok(lease.usage.executionNs > 0 && lease.usage.hotPollingNs > 0 && lease.usage.allocationCoreS > 0)
    assert.ok(lease.cost > 0)
  }
  for (const way of ['alone', 'leased', 'both'] as const) assert.ok(speeds[way].optionsPerS > 0, way)
  assert.ok(speedup !== null && speedup.leased > 0 && speedup.both > 0 && cost > 0)
  assert.ok(phases.length > 8 && phases.every(({ ms }) => ms > 0))
  assert.deepEqual(
    checks.map(({ against, passed }) => [against, passed]),
    [
      ['a local run', true],
      ['put–call parity', true],
    ],
  )
})

test(
  "the main job prices PARSEC's 1,000 records within PARSEC's tolerance",
  { skip: !existsSync(PARSEC) && `no ${PARSEC} beside this checkout` },
  async () => {
    const records = parsecRecords(readFileSync(PARSEC, 'utf8'))
    assert.equal(records.length, 1_000)
    await using folder = await mkdtempDisposable(join(tmpdir(), 'rfaas-parsec-'))
    const file = join(folder.path, 'options.txt')
    await writeFile(file, [records.length, ...records, ''].join('\n'))
    await using job = new MainJob(['--json', '--input', file])
    const { code, stdout, stderr } = await job.ended
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    const { portfolio, checks, speedup } = JSON.parse(stdout) as JobResult
    assert.deepEqual(portfolio, { source: file, options: 1_000, seed: null })
    assert.equal(speedup, null, 'a thousand options are too few to be shared out')
    const reference = checks.find((check) => check.against === 'the reference column')!
    assert.equal(reference.compared, 1_000)
    assert.ok(reference.passed && reference.deviationMax < 1e-4, String(reference.deviationMax))
    // The references come from another program: no deviation at all would mean that nothing was compared.
    assert.ok(reference.deviationMax > 0)
  },
)

const GOOD = '42.00 40.00 0.1000 0.00 0.20 0.50 C 0.00 4.759423036851750000'
for (const { name, text, says } of [
  {
    name: 'a short file',
    text: `3\n${GOOD}\n`,
    says: /: line 3: the file ends after 1 options, the first line says 3$/,
  },
  {
    name: 'a letter',
    text: `1\n${GOOD.replace('42', '4z')}\n`,
    says: /: line 2: S \(spot price\) is "4z\.00", must be a number$/,
  },
  {
    name: 'a wrong reference',
    text: `2\n${GOOD}\n${GOOD.replace('4.75', '4.76')}\n`,
    says: /: option 2 \(call, S 42, K 40\) came back as 4\.7594\d+, 0\.01000\d+ away from the reference column; allowed is 0\.0001 \[internal\]$/,
  },
]) {
  test(`the main job refuses ${name} in one sentence`, async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'rfaas-parsec-'))
    const file = join(folder.path, 'options.txt')
    await writeFile(file, text)
    await using job = new MainJob(['--json', '--input', file])
    const { code, stdout, stderr } = await job.ended
    assert.ok(code === 1 || code === 2, String(code))
    assert.equal(stdout, '')
    assertOneSentence(stderr, says)
    assert.deepEqual(await job.leftBehind(CLEAN_MS_MAX), [])
  })
}

test('the main job refuses a missing file and wrong arguments before it starts anything, with exit code 2', async () => {
  for (const [args, says] of [
    [['--input', '/nowhere/options.txt'], /Cannot read options from \/nowhere\/options\.txt: there is no such file$/],
    [['--options', 'many'], /--options is "many", must be a whole number; --help tells more$/],
    [['--options', '3'], /the number of options is 3, must be an even number/],
    [['--report', '/proc/report.html'], /^Cannot write the report to \/proc\/report\.html: ENOENT/],
  ] as const) {
    await using job = new MainJob(args)
    const { code, stderr } = await job.ended
    assert.equal(code, 2)
    assertOneSentence(stderr, says)
  }
})

type Find = (processes: MarkedProcess[]) => MarkedProcess | undefined
const manager: Find = (all) => all.find(({ args }) => args.includes('manager'))
const node =
  (name: string): Find =>
  (all) =>
    all.find(({ args }) => args.includes(name))
const executorOf =
  (name: string): Find =>
  (all) => {
    const parent = node(name)(all)
    return all.find(({ parentPid }) => parent !== undefined && parentPid === parent.pid)
  }

const STARTED = 'Starting a resource manager'
const LEASING = 'Leasing a core of node near'
const TIMING = 'Timing round trips of a no-op over local'
const PRICING = 'Pricing in this thread'

for (const { victim, find, stage, says } of [
  {
    victim: 'the resource manager',
    find: manager,
    stage: STARTED,
    says: /^The resource manager (\(process \d+\) )?was killed by SIGKILL \[\w+\]$/,
  },
  {
    victim: 'the resource manager',
    find: manager,
    stage: PRICING,
    says: /^The resource manager .*was killed by SIGKILL \[\w+\]$/,
  },
  {
    victim: 'the local node',
    find: node('near'),
    stage: TIMING,
    says: /^The node "near" .*was killed by SIGKILL \[\w+\]$/,
  },
  {
    victim: 'the local node',
    find: node('near'),
    stage: PRICING,
    says: /^The node "near" .*was killed by SIGKILL \[\w+\]$/,
  },
  {
    victim: 'the tcp node',
    find: node('far'),
    stage: LEASING,
    says: /^The node "far" .*was killed by SIGKILL \[\w+\]$/,
  },
  {
    victim: 'the tcp node',
    find: node('far'),
    stage: PRICING,
    says: /^The node "far" .*was killed by SIGKILL \[\w+\]$/,
  },
  { victim: 'the local executor', find: executorOf('near'), stage: TIMING, says: /executor.* \[executor_lost\]$/i },
  { victim: 'the local executor', find: executorOf('near'), stage: PRICING, says: /executor.* \[executor_lost\]$/i },
  { victim: 'the tcp executor', find: executorOf('far'), stage: PRICING, says: /executor.* \[executor_lost\]$/i },
]) {
  test(`the main job ends with one clear sentence when ${victim} is killed: ${stage}`, async () => {
    await using job = new MainJob(LONG)
    await job.said(stage)
    const killed = await found(job, find)
    const killedMs = performance.now()
    process.kill(killed.pid, 'SIGKILL')
    const { code, stderr } = await job.ended
    const endedAfterMs = performance.now() - killedMs
    assert.equal(code, 1)
    assertOneSentence(stderr, says)
    assert.ok(endedAfterMs < END_MS_MAX, `it took ${endedAfterMs} ms`)
    assert.deepEqual(await job.leftBehind(CLEAN_MS_MAX, victim.endsWith('node')), [])
  })
}

test('the main job that is killed itself takes everything with it', async () => {
  for (const stage of [STARTED, PRICING]) {
    await using job = new MainJob(LONG)
    await job.said(stage)
    await found(job, manager)
    job.child.kill('SIGKILL')
    assert.equal((await job.ended).signal, 'SIGKILL')
    assert.deepEqual(await job.leftBehind(END_MS_MAX, true), [])
  }
})

test('npm start that is killed takes everything with it', async () => {
  await using job = new MainJob(LONG, ['npm', 'start', '--ignore-scripts', '--'])
  await job.said(PRICING)
  job.child.kill('SIGKILL')
  const { stderr } = await job.ended
  // npm may have warned of its own configuration before.
  assert.match(stderr, /^Interrupted by SIGTERM[^\n]*\n$/m)
  assert.deepEqual(await job.leftBehind(CLEAN_MS_MAX, true), [])
})

for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`the main job drains at ${signal} and exits with ${exitCode}`, async () => {
    for (const stage of [STARTED, PRICING]) {
      await using job = new MainJob(LONG)
      await job.said(stage)
      const startMs = performance.now()
      job.child.kill(signal)
      const { code, stderr } = await job.ended
      assert.equal(code, exitCode)
      assertOneSentence(stderr, new RegExp(`^Interrupted by ${signal}`))
      assert.ok(performance.now() - startMs < END_MS_MAX)
      assert.deepEqual(await job.leftBehind(CLEAN_MS_MAX), [])
    }
  })
}

function assertOneSentence(stderr: string, says: RegExp): void {
  assert.match(stderr, /^[^\n]+\n$/)
  assert.match(stderr.trimEnd(), says)
}

/** The process may not have been started yet. */
async function found(job: MainJob, find: Find): Promise<MarkedProcess> {
  for (;;) {
    const one = find(job.processes())
    if (one !== undefined) return one
    await Promise.race([delay(5), job.ended.then((ended) => assert.fail(`It ended: ${JSON.stringify(ended)}`))])
  }
}

/** The records of PARSEC's C initialisers, in its text format. */
function parsecRecords(source: string): string[] {
  return Array.from(source.matchAll(/^\{(.*?)\}/gm), ([, fields]) =>
    fields!.replaceAll('"', '').split(/,\s*/).join(' '),
  )
}
