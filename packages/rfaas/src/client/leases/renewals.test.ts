import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'

import { RfaasError } from '../../errors.ts'
import { TestClock } from '../../test-clock.ts'
import { Renewals, type RenewalOptions } from './renewals.ts'

const DURATION_MS = 3000

/** A manager whose answers the test gives, a node that agrees, and a record of the messages and callbacks. */
function scene() {
  const clock = new TestClock()
  const said: string[] = []
  let pending: PromiseWithResolvers<unknown> | null = null
  let turnOfOurs = true
  const renewLease = ({ token }: { token: string }): Promise<unknown> => {
    said.push(`renew ${token}`)
    pending = Promise.withResolvers()
    return pending.promise
  }
  const extend = ({ token }: { token: string }): Promise<unknown> => {
    said.push(`extend ${token}`)
    return Promise.resolve({})
  }
  const options = {
    leaseId: 'lease-1',
    token: 'T0',
    durationMs: DURATION_MS,
    expiresMs: DURATION_MS,
    manager: { rpc: { renewLease } },
    node: { rpc: { extend } },
    clock,
    isOurs: () => turnOfOurs,
    onToken: (token: string) => said.push(`token ${token}`),
    onRenewed: (expiresMs: number) => said.push(`until ${expiresMs}`),
    onOver: ({ code }: RfaasError) => said.push(`over ${code}`),
  } as unknown as RenewalOptions
  const renewals = new Renewals(options, 'active')
  return {
    clock,
    said,
    renewals,
    loseTurn: () => (turnOfOurs = false),
    async grant(token: string): Promise<void> {
      const nowUnixMs = clock.nowUnixMs()
      pending!.resolve({ lease: { expiresUnixMs: nowUnixMs + DURATION_MS }, token, nowUnixMs })
      await turn()
    },
    async fail(code: RfaasError['code']): Promise<void> {
      pending!.reject(new RfaasError(code, 'no'))
      await turn()
    },
  }
}

describe('Renewals', () => {
  test('renew at a third of the duration, and publish a token before the node sees it', async () => {
    const { clock, said, grant } = scene()
    clock.advance(DURATION_MS / 3 - 1)
    assert.deepEqual(said, [])
    clock.advance(1)
    await grant('T1')
    assert.deepEqual(said, ['renew T0', 'token T1', 'extend T1', `until ${DURATION_MS / 3 + DURATION_MS}`])
  })

  test('ask once more when the lease expired while they waited: they may have stood still', async () => {
    const { clock, said, grant, fail } = scene()
    clock.advance(DURATION_MS / 3)
    clock.advance(10 * DURATION_MS)
    await fail('manager_unreachable')
    clock.advance(DURATION_MS / 3)
    await grant('T1')
    assert.deepEqual(said.slice(0, 4), ['renew T0', 'renew T0', 'token T1', 'extend T1'])
    assert.match(said[4]!, /^until/)
  })

  test('end when that fails, too', async () => {
    const { clock, said, fail } = scene()
    clock.advance(DURATION_MS / 3)
    clock.advance(10 * DURATION_MS)
    await fail('manager_unreachable')
    clock.advance(DURATION_MS / 3)
    await fail('manager_unreachable')
    assert.deepEqual(said, ['renew T0', 'renew T0', 'over lease_expired'])
    assert.equal(clock.timerCount, 0)
  })

  test('tell nobody anything once the turn is another one’s, or they are stopped', async () => {
    for (const end of ['loseTurn', 'stop'] as const) {
      const { clock, said, grant, loseTurn, renewals } = scene()
      clock.advance(DURATION_MS / 3)
      if (end === 'stop') renewals.stop()
      else loseTurn()
      await grant('T1')
      clock.advance(10 * DURATION_MS)
      assert.deepEqual(said, ['renew T0'], end)
    }
  })
})
