import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { LEASE_PRIORITY_MAX, LEASE_WAIT_MS_MAX } from '../lease/limits.ts'
import { TestManager } from './test-manager.ts'

const REQUEST = { cores: 1, memoryMib: 512, durationMs: 10_000 }

describe('awaitLease', () => {
  test('answers at once when there is room, and as soon as there is some', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 2)
    const [first] = (await manager.rpc.awaitLease({ request: { ...REQUEST, cores: 2 }, waitMs: 5000 })).grants
    const waiting = manager.rpc.awaitLease({ request: REQUEST, waitMs: 5000 })
    // A later request does not overtake a waiting one, which also shows that the first one waits.
    while (!(await refusal(manager)).includes('a higher priority wait: 1'));
    manager.clock.advance(1000)
    await manager.rpc.releaseLease({ leaseId: first!.lease!.leaseId, token: first!.token })
    const [second] = (await waiting).grants
    assert.equal(second?.lease?.grantedUnixMs, manager.clock.nowUnixMs())
    assert.equal(second?.lease?.expiresUnixMs, manager.clock.nowUnixMs() + REQUEST.durationMs)
    await manager.lease()
  })

  test('a node that comes brings room', async () => {
    await using manager = await TestManager.start()
    const waiting = manager.rpc.awaitLease({ request: REQUEST, waitMs: 5000 })
    await manager.addNode('node-1', 1)
    assert.equal((await waiting).grants[0]?.lease?.nodeId, 'node-1')
  })

  test('is denied after its time, with what is missing', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 2)
    await manager.lease({ cores: 2, durationMs: 60_000 })
    const waiting = manager.rpc.awaitLease({ request: REQUEST, waitMs: 3000 })
    const denied = assert.rejects(waiting, {
      code: 'lease_denied',
      message: /Cannot grant lease within 3000 ms: 1 core asked, largest free 0 on node-1; 2 in all/,
    })
    while (!(await refusal(manager)).includes('a higher priority wait'));
    await manager.advance(3000, 'node-1')
    await denied
  })

  test('a client that goes away holds nobody up, and gets nothing', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId, token } = await manager.lease()
    const gone = new AbortController()
    const waiting = manager.rpc.awaitLease({ request: REQUEST, waitMs: 60_000 }, { signal: gone.signal })
    const aborted = assert.rejects(waiting)
    while (!(await refusal(manager)).includes('a higher priority wait'));
    gone.abort()
    await aborted
    while ((await refusal(manager)).includes('a higher priority wait'));
    await manager.rpc.releaseLease({ leaseId, token })
    await manager.lease()
  })

  test('says what is wrong', async () => {
    await using manager = await TestManager.start()
    const code = 'invalid_argument'
    await assert.rejects(manager.rpc.awaitLease({ waitMs: 1 }), { code, message: /the request is empty/ })
    for (const waitMs of [-1, NaN, LEASE_WAIT_MS_MAX + 1]) {
      const request = manager.rpc.awaitLease({ request: REQUEST, waitMs })
      await assert.rejects(request, { code, message: new RegExp(`wait_ms is ${waitMs}`) })
    }
    const priority = LEASE_PRIORITY_MAX + 1
    await assert.rejects(manager.lease({ priority }), {
      code,
      message: /priority is 1001, must be a whole number from 0/,
    })
    // With `waitMs` 0 it is denied at once.
    await assert.rejects(manager.rpc.awaitLease({ request: REQUEST, waitMs: 0 }), { code: 'lease_denied' })
  })
})

/** Why a request is denied now. */
async function refusal(manager: TestManager): Promise<string> {
  try {
    const { leaseId, token } = await manager.lease()
    await manager.rpc.releaseLease({ leaseId, token })
    return ''
  } catch (error) {
    return (error as Error).message
  }
}
