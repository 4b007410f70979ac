/** What an executor does with the functions that it was given, good and bad. */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Lease, LeaseEvents, LeaseOptions, RfaasError } from 'rfaas'

import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import type * as Functions from './harness/functions.ts'
import { standsStill } from './harness/standstill.ts'
import { sleepsOf } from './harness/traces.ts'
import { NOTICED_MS_MAX, until, within } from './harness/waiting.ts'

const MODULE = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))
const MIB = 2 ** 20

/** The position of the line with this remark in the functions' source, in the form of a stack trace. */
function placeOf(remark: string): string {
  const lines = readFileSync(MODULE, 'utf8').split('\n')
  return `${MODULE}:${lines.findIndex((line) => line.includes(`// ${remark}`)) + 1}:`
}

describe('an executor', () => {
  // Meters are in every heartbeat.
  const here = embedded({ manager: { heartbeatIntervalMs: 50 } })

  const lease = (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> =>
    here.cluster.lease<typeof Functions>({ functions: MODULE, ...options })

  test('gives what a function threw, with the line of its source; the worker lives on', async () => {
    await using workers = await lease()
    const before = await workers.call.whoAmI()
    for (const name of ['fail', 'failLater'] as const) {
      const thrown = await workers.call[name]('no such option').then(assert.fail, (thrown: Error) => thrown)
      assert.equal(thrown.message, `function_failed: ${name} threw RangeError: no such option`)
      const cause = thrown.cause as Error
      assert.deepEqual([cause.name, cause.message], ['RangeError', 'no such option'])
      assert.ok(cause.stack?.includes(placeOf(`${name} throws here`)), cause.stack)
    }
    assert.deepEqual(await workers.call.whoAmI(), before)
  })

  test('runs as many asynchronous invocations of one worker at once as it has slots', async () => {
    await using workers = await lease({ slots: 3 })
    const seen = await workers.map.crowd(Array.from({ length: 12 }, () => 3))
    assert.equal(Math.max(...seen), 3)
  })

  test('refuses a result that is too large and serves on; one that just fits comes whole', async () => {
    await using workers = await lease({ payloadBytesMax: 1000 })
    await assert.rejects(workers.call.text(2000), error('result_too_large', /payloadBytesMax is 1000/))
    await assert.rejects(workers.call.echo(new Uint8Array(1001)), error('payload_too_large', /1001 .* 1000/))
    assert.deepEqual(await workers.call.echo(new Uint8Array(1000).fill(9)), new Uint8Array(1000).fill(9))
    assert.equal(await workers.call.text(100), 'x'.repeat(100))
  })

  for (const fabric of ['local', 'tcp'] as const) {
    test(`takes and gives 64 MiB over ${fabric}, whole`, async () => {
      await using workers = await lease({ fabric, payloadBytesMax: 64 * MIB, slots: 1 })
      {
        using slot = workers.reserve(64 * MIB)
        const words = new Uint32Array(slot.input.buffer, slot.input.byteOffset, (64 * MIB) / 4)
        for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2654435761)
        const view = workers.invokeSync('invert', slot)
        const inverted = new Uint32Array(view.buffer, view.byteOffset, view.length / 4)
        assert.equal(inverted.length, words.length)
        assert.equal(
          inverted.findIndex((word, i) => word !== ~Math.imul(i, 2654435761) >>> 0),
          -1,
        )
      }
      const input = new Uint8Array(64 * MIB).fill(0xa5)
      const copy = await workers.call.echo(input)
      assert.ok(Buffer.from(copy.buffer).equals(input))
    })
  }

  test('lets functions print as they like', async () => {
    await using workers = await lease()
    const line = 'a line that nobody reads '.repeat(40)
    for (const said of await workers.map.say(Array.from({ length: 500 }, () => line))) assert.equal(said, line)
    assert.equal(await workers.call.add(1, 2), 3)
  })

  test('runs timers of the module while a worker is hot, also while a client never pauses', async () => {
    await using workers = await lease({ hotTimeoutMs: 'always' })
    await workers.call.tick(1)
    await until(
      'three ticks',
      () => workers.call.ticked(),
      (ticks) => ticks >= 3,
    )
    using slot = workers.reserve(8)
    const before = await workers.call.ticked()
    const endMs = performance.now() + NOTICED_MS_MAX
    let ticks = 0
    do {
      const answer = workers.invokeSync('tickedInPlace', slot)
      ticks = new DataView(answer.buffer, answer.byteOffset).getUint32(0, true)
    } while (ticks <= before + 3 && performance.now() < endMs)
    assert.ok(ticks > before + 3)
  })

  test('an invocation that never settles does not end its worker, nor keep it from others', async () => {
    const serve = async (fabric: 'local' | 'tcp'): Promise<void> => {
      const workers = await lease({ fabric, hotTimeoutMs: 1 })
      const thread = await workers.call.thread()
      const never = workers.call.never()
      const refused = assert.rejects(
        never,
        error('cut_off', /had not finished after the grace of 2000 ms; it may have run/),
      )
      await asleep(thread, workers.id, 2, 0)
      assert.equal(await workers.call.add(1, 2), 3)
      await workers.release()
      await refused
    }
    await Promise.all([serve('local'), serve('tcp')])
  })

  /** What the manager has last heard of the lease. */
  const meters = async (leaseId: string) => {
    const found = (await here.cluster.leases()).find((info) => info.leaseId === leaseId)
    const { allocationCoreS = 0, hotPollingNs = 0, invocations = 0 } = found?.usage ?? {}
    return { allocationCoreS, hotPollingNs, invocations }
  }

  /**
   * Waits until the worker sleeps and the manager has its meters: two reports of different times show the same polling
   * time, of at least `pollingNsMin`. A worker that waits for a processor does not sleep, but its meters stand still, too.
   */
  const asleep = async (thread: string, leaseId: string, invocations: number, pollingNsMin: number) => {
    assert.ok(await standsStill(() => [thread]), 'the worker runs on')
    let last = await meters(leaseId)
    const isSame = (now: typeof last): boolean => {
      if (now.allocationCoreS === last.allocationCoreS) return false
      const isWhole = now.invocations === invocations && now.hotPollingNs >= pollingNsMin
      const same = isWhole && now.hotPollingNs === last.hotPollingNs
      last = now
      return same
    }
    return until('asleep', () => meters(leaseId), isSame)
  }

  for (const fabric of ['local', 'tcp'] as const) {
    test(`over ${fabric} a worker is hot after an invocation, then warm: it meters nothing and sleeps; the next makes it hot`, async () => {
      await using workers = await lease({ fabric, hotTimeoutMs: 20 })
      const thread = await workers.call.thread()
      const first = await asleep(thread, workers.id, 1, 15e6)
      assert.ok(await standsStill(() => [thread]), 'a warm worker runs')
      assert.equal((await meters(workers.id)).hotPollingNs, first.hotPollingNs)

      await workers.call.add(1, 2)
      await asleep(thread, workers.id, 2, first.hotPollingNs + 15e6)
    })
  }

  test(`hotTimeoutMs 'always': it polls until the lease ends`, async () => {
    const workers = await lease({ hotTimeoutMs: 'always' })
    await workers.call.add(1, 2)
    const first = await meters(workers.id)
    await until(
      'polls on',
      () => meters(workers.id),
      ({ hotPollingNs }) => hotPollingNs >= first.hotPollingNs + 300e6,
    )
    const { usage } = await workers.release()
    assert.ok(usage.hotPollingNs >= first.hotPollingNs + 300e6, `${usage.hotPollingNs} ns`)
  })

  test(`hotTimeoutMs 'never': it sleeps between any two invocations`, async () => {
    const CALLS = 50
    /** What a worker polls that is called every 10 ms, and how often it falls asleep meanwhile. */
    const polled = async (hotTimeoutMs: 'never' | 'always') => {
      await using workers = await lease({ hotTimeoutMs })
      using slot = workers.reserve(8)
      const thread = await workers.call.thread()
      const before = sleepsOf(thread)
      for (let i = 0; i < CALLS; i++) {
        await delay(10)
        workers.invokeSync('echo', slot)
      }
      const sleeps = sleepsOf(thread) - before
      return { sleeps, ns: (await workers.release()).usage.hotPollingNs }
    }
    const [never, always] = [await polled('never'), await polled('always')]
    assert.ok(never.sleeps >= CALLS / 2, `it fell asleep ${never.sleeps} times in ${CALLS} calls`)
    assert.ok(never.ns < always.ns / 4, `polled ${never.ns} ns, an always hot one ${always.ns} ns`)
  })

  const BREAKS: [
    string,
    'always' | 'never',
    (workers: Lease<typeof Functions>) => Promise<unknown>,
    RfaasError['code'],
    RegExp,
  ][] = [
    ['process.exit', 'never', (workers) => workers.call.exit(7), 'worker_exited', /process\.exit\(7\)/],
    // A timer throws it, and a sleeping worker runs no timers.
    [
      'an uncaught exception',
      'always',
      (workers) => workers.call.breakSoon('not caught'),
      'worker_crashed',
      /not caught/,
    ],
    [
      'an unhandled rejection',
      'never',
      (workers) => workers.call.rejectSoon('not handled'),
      'worker_crashed',
      /not handled/,
    ],
  ]
  for (const [what, hotTimeoutMs, provoke, code, reason] of BREAKS) {
    test(`${what} in a function ends its worker: what runs there hears why, and the worker comes back`, async () => {
      await using workers = await lease({ hotTimeoutMs })
      const restarted = new Promise<LeaseEvents['workerRestarted']>((resolve) => workers.on('workerRestarted', resolve))
      const inFlight = workers.call.never()
      const [first] = await within(NOTICED_MS_MAX, 'noticed', Promise.allSettled([inFlight, provoke(workers)]))
      await assert.rejects(inFlight, { ...error(code, reason), outcome: 'unknown' })
      const { cause } = (first as PromiseRejectedResult).reason as RfaasError
      if (what === 'an uncaught exception')
        assert.ok((cause as Error).stack?.includes(placeOf('breakSoon throws here')))
      assert.equal(await within(NOTICED_MS_MAX, 'answered', workers.call.add(1, 2)), 3)
      const { worker, reason: why } = await within(NOTICED_MS_MAX, 'restarted', restarted)
      assert.deepEqual([worker, why.code], [0, code])
    })
  }
})
