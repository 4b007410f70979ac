/** What a function knows of its invocation, and how a caller that gives up reaches it, over every fabric. */
import { strict as assert } from 'node:assert'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Lease, RfaasError } from 'rfaas'

import type * as WithContext from './harness/kinds/with-context.ts'
import { Random } from './harness/chaos/random.ts'
import { FABRICS } from './harness/fabrics.ts'
import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import { becomes } from './harness/waiting.ts'

const seed = Number(process.env['RFAAS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const functions = new URL('./harness/kinds/with-context.ts', import.meta.url)

describe('context', () => {
  const here = embedded()
  const leased = (options: object): Promise<Lease<typeof WithContext>> =>
    here.cluster.lease<typeof WithContext>({ functions, ...options })

  for (const fabric of FABRICS) {
    test(`over ${fabric}: names invocation and worker, has the deadline, and prints lines with its id`, async () => {
      const lines: string[] = []
      const listen = (event: unknown): void => {
        const { kind, line } = event as { kind: string; line?: string }
        if (kind === 'output') lines.push(line!)
      }
      subscribe('rfaas.executor-manager', listen)
      try {
        await using lease = await leased({ fabric, cores: 2 })
        const told = await lease.each.tell('one\ntwo')
        assert.deepEqual(told.map(({ worker, workers }) => [worker, workers]), [[0, 2], [1, 2]]) // prettier-ignore
        assert.deepEqual(told[0]!.leftMs, undefined)
        const expected = told.flatMap(({ id, worker }) => [`[worker ${worker}] [${id}] said one`, `[worker ${worker}] [${id}] two`]) // prettier-ignore
        await becomes(expected.sort(), () => lines.toSorted())
        const { leftMs, aborted, id } = await lease.call.tell.with({ timeoutMs: 60_000 })('x')
        assert.ok(leftMs! > 0 && leftMs! <= 60_001, `${leftMs}`)
        assert.equal(aborted, false)
        assert.match(id, /^[01]-\d+$/)
        assert.deepEqual(await lease.call.size.with({ timeoutMs: 60_000 })(new Uint8Array(9)), Uint8Array.of(9, 2))
      } finally {
        unsubscribe('rfaas.executor-manager', listen)
      }
    })

    test(`over ${fabric}: its signal fires when the caller gives up, and the worker takes new calls`, async () => {
      await using lease = await leased({ fabric, slots: 2 })
      const file = (name: string): string => join(here.scene.folder, `${fabric}-${name}`)
      const until = (path: string): Promise<void> => becomes(true, () => existsSync(path))
      const abort = new AbortController()
      const aborted = lease.call.waitForever.with({ signal: abort.signal })(file('begun'), file('aborted'))
      await until(file('begun'))
      abort.abort()
      await assert.rejects(aborted, error('aborted'))
      await becomes('AbortError: The caller has aborted the call', () => read(file('aborted')))
      // On a busy machine the deadline may come before the call has begun.
      for (let timeoutMs = 20; !existsSync(file('late-begun')); timeoutMs *= 2) {
        const late = lease.call.waitForever.with({ timeoutMs })(file('late-begun'), file('late'))
        await assert.rejects(late, error('deadline_exceeded'))
      }
      await becomes('TimeoutError: The deadline of the call is over', () => read(file('late')))
      assert.equal((await lease.call.tell('when it has answered')).aborted, false)
      using slot = lease.reserve(8)
      await assert.rejects(lease.with({ timeoutMs: 5 }).invoke('waitInPlace', slot), error('deadline_exceeded'))
      // The answer comes only when the signal has fired, and until then the worker has no room.
      assert.equal((await lease.call.tell('after')).aborted, false)
    })

    test(`over ${fabric}: a call that is given up before it begins does not run`, async () => {
      await using lease = await leased({ fabric, slots: 3 })
      const file = (name: string): string => join(here.scene.folder, `${fabric}-${name}`)
      const gate = here.scene.gate()
      const blocking = lease.call.blockUntil(file('blocks'), gate.path)
      await becomes(true, () => existsSync(file('blocks')))
      const abort = new AbortController()
      // Calls of all workers that are silent go to all slots, but these are for one worker.
      const given = lease.each.touch.with({ signal: abort.signal })(file('given-up'))
      const kept = lease.each.touch.with({ timeoutMs: 60_000 })(file('kept'))
      abort.abort()
      await assert.rejects(given, error('aborted'))
      gate.open()
      await Promise.all([blocking, kept])
      assert.deepEqual([existsSync(file('given-up')), existsSync(file('kept'))], [false, true])
    })

    test(`over ${fabric}: callers that give up at random moments: every other call has its own result, none runs twice (seed ${seed})`, async () => {
      await using lease = await leased({ fabric, slots: 16 })
      const random = new Random(seed)
      const outcomes = { resolved: 0, given: 0 }
      const one = async (id: number): Promise<void> => {
        const ms = random.whole(0, 7)
        const options = random.pick([
          () => ({}),
          () => ({ signal: AbortSignal.timeout(ms) }),
          () => ({ timeoutMs: ms }),
        ])()
        const { seen, seenLater } = lease.with(options).call
        try {
          assert.equal(await (random.chance(0.5) ? seen(id) : seenLater(id, random.whole(0, 20))), 1)
          outcomes.resolved++
        } catch (error) {
          if (!['aborted', 'deadline_exceeded'].includes((error as RfaasError).code)) throw error
          outcomes.given++
        }
      }
      for (let id = 0; id < 1000; id += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => one(id + n)))
      assert.equal(await lease.call.mostSeen(), 1)
      assert.ok(outcomes.resolved > 100 && outcomes.given > 0, JSON.stringify(outcomes))
    })
  }
})

function read(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}
