/** A worker that ends is restarted alone: what it had not begun runs elsewhere, and its lease and its bill go on. */
import { strict as assert } from 'node:assert'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { Lease, LeaseEvents, LeaseOptions, RfaasError } from 'rfaas'

import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import { FABRICS } from './harness/fabrics.ts'
import { giveUpOnceBegun } from './harness/give-up.ts'
import { NOTICED_MS_MAX, within } from './harness/waiting.ts'

const MODULE = `
import { appendFileSync, existsSync } from 'node:fs'
let loaded = null
export const load = (value) => { loaded = value }
export const loadOnce = (path) => { if (existsSync(path)) throw new Error('not twice'); appendFileSync(path, '') }
export const read = () => loaded
/** Short, as long as it does not exit. */
export const note = (path, line, exits) => { appendFileSync(path, line + '\\n'); if (exits) process.exit(5) }
export const never = (begun) => { appendFileSync(begun, ''); return new Promise(() => {}) }
export const forever = (begun) => { appendFileSync(begun, ''); for (;;); }
`

interface Functions {
  load: (value: string) => void
  loadOnce: (path: string) => void
  read: () => string | null
  note: (path: string, line: number, exits: boolean) => void
  never: (begun: string) => Promise<void>
  forever: (begun: string) => void
}

describe('a worker that ends', () => {
  const here = embedded()
  let functions: string
  before(() => {
    functions = join(here.scene.folder, 'ending.mjs')
    writeFileSync(functions, MODULE)
  })

  const lease = (options: Partial<LeaseOptions<Functions>> = {}): Promise<Lease<Functions>> =>
    here.cluster.lease<Functions>({ functions, ...options })

  /** Resolves when a worker of the lease was restarted. */
  const restarted = (workers: Lease<Functions>): Promise<LeaseEvents['workerRestarted']> =>
    within(NOTICED_MS_MAX, 'restarted', new Promise((resolve) => workers.on('workerRestarted', resolve)))

  for (const fabric of FABRICS) {
    test(`over ${fabric}: what it had not begun runs once, afterwards; setup comes first; the bill has all`, async () => {
      const path = join(here.scene.folder, `notes-${fabric}`)
      const workers = await lease({ fabric, slots: 8, setup: (each) => each.load('model') })
      // Short functions are pipelined behind each other once they were measured.
      for (let line = 0; line < 20; line++) await workers.call.note(path, line, false)
      const restart = restarted(workers)
      const outcomes = await within(
        NOTICED_MS_MAX,
        'over',
        Promise.allSettled(Array.from({ length: 12 }, (_, index) => workers.call.note(path, 20 + index, index === 3))),
      )
      assert.deepEqual(outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [index] : [])), [3]) // prettier-ignore
      await assert.rejects(Promise.resolve(outcomes[3]).then((outcome) => { throw (outcome as PromiseRejectedResult).reason }), { ...error('worker_exited', /process\.exit\(5\)/), outcome: 'unknown' }) // prettier-ignore
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n').map(Number)
      assert.deepEqual(lines.toSorted((a, b) => a - b), Array.from({ length: 32 }, (_, line) => line)) // prettier-ignore
      const { worker, reason } = await restart
      assert.deepEqual([worker, reason.code, await workers.call.read()], [0, 'worker_exited', 'model'])
      const { usage } = await workers.release()
      // `load` twice, 32 notes, one `read`.
      assert.equal(usage.invocations, 35)
    })
  }

  test('while it restarts, its lease may be released', async () => {
    const workers = await lease({ cores: 2 })
    const path = join(here.scene.folder, 'released')
    await assert.rejects(workers.call.note(path, 1, true), error('worker_exited'))
    assert.equal((await within(NOTICED_MS_MAX, 'released', workers.release())).usage.invocations, 1)
  })

  test('whose setup fails the second time is not used: the lease is over, with the reason', async () => {
    const path = join(here.scene.folder, 'loaded')
    const workers = await lease({ setup: (each) => each.loadOnce(path) })
    await assert.rejects(workers.call.note(`${path}-notes`, 1, true), error('worker_exited'))
    const reason = await within(NOTICED_MS_MAX, 'over', workers.closed)
    assert.throws(() => { throw reason }, error('executor_lost', /Worker 0 was restarted, and cannot be set up again: .*not twice/)) // prettier-ignore
    await workers.release()
  })

  // The first thread lives until it is told to end; each of the next few ends by itself, most before its client is back.
  const shortLived = (name: string, lives: number, end: string): string => {
    const path = join(here.scene.folder, `${name}.mjs`)
    const log = join(here.scene.folder, `${name}.log`)
    writeFileSync(
      path,
      `import { appendFileSync, existsSync, readFileSync } from 'node:fs'
       const life = existsSync('${log}') ? readFileSync('${log}').length : 0
       appendFileSync('${log}', '.')
       if (life > 0 && life < ${lives}) { ${end} }
       export const note = () => process.exit(0)
       export const read = () => life`,
    )
    return path
  }
  const LIFE = `const message = 'short life ' + life`
  for (const [name, end, reason] of [
    ['at once', `${LIFE}; setImmediate(() => { throw new Error(message) })`, /short life 4/],
    ['after 100 ms', `${LIFE}; setTimeout(() => { throw new Error(message) }, 100)`, /short life 4/],
    ['while its functions load', 'process.exit(7)', /process\.exit\(7\)/],
  ] as const) {
    test(`that ends ${name}, again and again, before it has begun anything ends its lease`, async () => {
      const functions = shortLived(`again ${name}`, Infinity, end)
      const workers = await lease({ functions, hotTimeoutMs: 'always' })
      await assert.rejects(workers.call.note('', 0, true), error('worker_exited'))
      const over = await within(NOTICED_MS_MAX, 'over', workers.closed)
      assert.throws(() => { throw over }, error('executor_lost', /again and again before it could serve/)) // prettier-ignore
      assert.throws(() => { throw over }, error('executor_lost', reason)) // prettier-ignore
      await workers.release()
    })

    test(`that ends ${name}, a few times, serves in the end`, async () => {
      const functions = shortLived(`thrice ${name}`, 4, end)
      await using workers = await lease({ functions, setup: (each) => each.read() })
      await assert.rejects(workers.call.note('', 0, true), error('worker_exited'))
      // A life may be long enough to serve a call, or too short for the one that it has begun.
      const read = (): Promise<unknown> => workers.call.read().catch((thrown: RfaasError) => thrown.code)
      const lives = new Set<unknown>()
      while (!lives.has(4)) lives.add(await within(NOTICED_MS_MAX, 'answered', read()))
      for (const each of lives) assert.ok([1, 2, 3, 4, 'worker_crashed', 'worker_exited'].includes(each as number), `${each}`) // prettier-ignore
    })
  }

  test('one that goes on after its caller gave up ends after `abandonGraceMs`, not before, or never', async () => {
    for (const abandonGraceMs of [0, Infinity]) {
      await using workers = await lease({ cores: 2, abandonGraceMs })
      const events: unknown[] = []
      using _ = workers.on('workerRestarted', (event) => events.push(event.reason.code))
      const restart = abandonGraceMs === 0 ? restarted(workers) : null
      const abandoned = [workers.call.forever, workers.call.never].map((f) =>
        giveUpOnceBegun(here.scene.folder, (options, begun) => f.with(options)(begun)),
      )
      await Promise.all(abandoned.map((each) => assert.rejects(each, error('aborted'))))
      await restart
      if (restart === null) await assert.rejects(workers.call.read.with({ timeoutMs: 200 })(), { outcome: 'not_run' })
      else assert.equal(await within(NOTICED_MS_MAX, 'answered', workers.call.read()), null)
      assert.equal(events.length > 0, restart !== null)
      if (restart === null) await workers.release({ graceMs: 0 })
    }
  })
})
