/** Updates of a live lease, one after another, while calls run and executors are killed at random. */
import { strict as assert } from 'node:assert'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { RfaasError } from 'rfaas'

import { Random } from '../harness/chaos/random.ts'
import { embedded } from '../harness/embedded.ts'
import { FABRICS } from '../harness/fabrics.ts'
import { NOTICED_MS_MAX, until, within } from '../harness/waiting.ts'

interface Functions {
  run(path: string, id: number): Promise<string>
}

const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)
const ROUNDS = 20
const CALLERS = 8

/** The function has another number in each version. */
const source = (version: string): string => `
  import { appendFileSync } from 'node:fs'
  import { setImmediate as turn } from 'node:timers/promises'
  export const ${version === 'one' ? 'after' : 'zero'} = () => 'another'
  export async function run(path: string, id: number) {
    if (id % 3 === 0) await turn()
    appendFileSync(path, id + '\\n')
    return '${version}'
  }`

/** What became of a call. */
interface Outcome {
  /** The version that answered; null: it failed. */
  readonly version: string | null
  readonly outcome: string | undefined
  /** The versions that the lease had, or was to have, from when the call was made until it was over. */
  readonly allowed: ReadonlySet<string>
}

for (const [where, cores] of [
  ['beside', 8],
  ['in place', 2],
] as const) {
  describe(`updates ${where}, and kills`, () => {
    const here = embedded({ node: { cores } })

    for (const fabric of FABRICS) {
      test(`over ${fabric}: every call runs at most once, in one version, and says what is known (RFAAS_SEED=${seed})`, async () => {
        const random = new Random(seed)
        const path = join(here.scene.folder, `ran-${fabric}`)
        writeFileSync(path, '')
        const modules = ['one', 'two'].map((version) => {
          const file = join(here.scene.folder, `${version}.ts`)
          writeFileSync(file, source(version))
          return { version, file }
        })
        const lease = await here.cluster.lease<Functions>({
          functions: modules[0]!.file,
          fabric,
          cores: 2,
          replace: true,
          waitMs: NOTICED_MS_MAX,
        })
        let current = 'one'
        /** The versions that a call may meet now. */
        let possible = [current]
        /** Those of the calls under way. */
        const live = new Set<Set<string>>()
        let isOver = false
        const calls: Outcome[] = []
        let made = 0
        const callers = Array.from({ length: CALLERS }, async () => {
          while (!isOver) {
            const id = made++
            const allowed = new Set(possible)
            live.add(allowed)
            calls[id] = await lease.call.run(path, id).then(
              (version) => ({ version, outcome: 'ran', allowed }),
              (error: unknown) => ({ version: null, outcome: (error as RfaasError).outcome, allowed }),
            )
            live.delete(allowed)
            // After a failure: so that failures do not follow each other without a turn of the event loop.
            if (calls[id].version === null) await delay(1)
          }
        })
        let updates = 0
        for (let round = 0; round < ROUNDS; round++) {
          const next = modules.find(({ version }) => version !== current)!
          possible = [current, next.version]
          for (const allowed of live) allowed.add(next.version)
          const updating = lease.update(next.file).then(
            () => next.version,
            (error: unknown) => {
              assert.ok(error instanceof RfaasError, String(error))
              return current
            },
          )
          if (random.chance(0.5)) {
            await delay(random.whole(0, 400))
            const pids = here.scene.executorPids()
            if (pids.length > 0) process.kill(random.pick(pids), 'SIGKILL')
          }
          const before = current
          current = await within(2 * NOTICED_MS_MAX, `update ${round}`, updating)
          if (current !== before) updates++
          possible = [current]
          const count = made
          await until('calls', () => made, (now) => now > count + 50) // prettier-ignore
        }
        isOver = true
        await within(NOTICED_MS_MAX, 'the last calls', Promise.all(callers))
        await lease.release()
        const ran = new Map<number, number>()
        for (const id of readFileSync(path, 'utf8').trimEnd().split('\n').map(Number))
          ran.set(id, (ran.get(id) ?? 0) + 1)
        for (const [id, { version, outcome, allowed }] of calls.entries()) {
          const times = ran.get(id) ?? 0
          const what = `call ${id}: ${times} times, ${version}, ${outcome}, allowed ${[...allowed].join()}`
          if (outcome === 'ran') assert.equal(times, 1, what)
          else if (outcome === 'not_run') assert.equal(times, 0, what)
          else assert.ok(outcome === 'unknown' && times <= 1, what)
          if (version !== null) assert.ok(allowed.has(version), what)
        }
        assert.ok(updates >= ROUNDS / 4, `${updates} of ${ROUNDS} updates`)
        const failed = calls.filter(({ version }) => version === null).length
        console.log(`${fabric}: ${calls.length} calls, ${failed} of them failed; ${updates} of ${ROUNDS} updates`)
      })
    }
  })
}
