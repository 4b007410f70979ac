import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import { DURATION_MS, newsOf, pidOf, Setup, TOTAL } from './test-node-leases.ts'

describe('a node that keeps executors', { timeout: 60_000 }, () => {
  it('keeps the executor of a released lease for the same tenant and functions; its usage starts at zero', async () => {
    await using setup = await Setup.make()
    const request = { ...(await setup.request('serve')), keepWarmMs: 5000 }
    const first = await setup.leases.allocate(setup.claims('a'), request)
    assert.equal(first.start, 'cold')
    await setup.leases.release(setup.claims('a'))
    assert.deepEqual(setup.capacity.free, TOTAL)
    assert.deepEqual(setup.kept.state, { kept: 1, keptMemoryMib: 1024 })
    setup.clock.advance(4999)
    const usages = []
    for (const [leaseId, more, other] of [
      ['other tenant', { tenant: 'u' }, {}],
      ['other functions', {}, await setup.request('never done')],
      ['another fabric', {}, { fabric: 'tcp' }],
      ['fewer cores', { cores: 1 }, {}],
      ['another environment', {}, { env: { A: '1' } }],
      ['with a resource', { resources: { gpu: 1 } }, {}],
    ] as const) {
      const claims = setup.claims(leaseId, more)
      const started = await setup.leases.allocate(claims, { ...request, ...other, keepWarmMs: 0 })
      assert.deepEqual([started.start, pidOf(started) === pidOf(first)], ['cold', false], leaseId)
      setup.leases.stopClosed([leaseId])
      await newsOf(setup, claims)
    }
    const second = await setup.leases.allocate(setup.claims('b'), request)
    assert.deepEqual([second.start, pidOf(second)], ['kept', pidOf(first)])
    assert.notDeepEqual(second.secrets[0], first.secrets[0])
    assert.equal(setup.kept.state.kept, 0)
    setup.clock.advance(1000)
    for (const leaseId of ['a', 'b']) usages.push(await setup.leases.release(setup.claims(leaseId)))
    assert.deepEqual(
      usages.map(({ allocationCoreS, invocations }) => [allocationCoreS, invocations]),
      [
        [0, 1],
        [2, 1],
      ],
    )
    // The first lease is over, although its executor still runs.
    await assert.rejects(setup.leases.allocate(setup.claims('a'), request), { code: 'lease_closed' })
  })

  it('does not keep it longer than the lease asked for, nor than the node does', async () => {
    await using setup = await Setup.make()
    for (const [keepWarmMs, keptMs] of [
      [5000, 5000],
      [1e9, 60_000],
    ] as const) {
      const claims = setup.claims(`for ${keepWarmMs}`)
      const started = await setup.leases.allocate(claims, { ...(await setup.request('serve')), keepWarmMs })
      await setup.leases.release(claims)
      setup.clock.advance(keptMs - 1)
      assert.equal(setup.kept.state.kept, 1)
      setup.clock.advance(1)
      assert.equal(setup.kept.state.kept, 0)
      await setup.kept.settled()
      assert.equal(existsSync(`/proc/${pidOf(started)}`), false)
    }
  })

  it('keeps none that was retrieved, expired, or has crashed', async () => {
    await using setup = await Setup.make()
    const keepWarmMs = 5000
    for (const leaseId of ['retrieved', 'expired', 'crashed']) {
      const order = leaseId === 'crashed' ? 'crash' : 'serve'
      const claims = setup.claims(leaseId)
      await setup.leases.allocate(claims, { ...(await setup.request(order)), keepWarmMs })
      if (leaseId === 'retrieved') setup.leases.retrieve([{ leaseId, message: 'now', graceMs: 1000 }])
      if (leaseId === 'expired') setup.clock.advance(DURATION_MS)
      await newsOf(setup, claims)
      assert.equal(setup.kept.state.kept, 0, leaseId)
    }
  })

  it('gives up those that are kept longest when their memory is leased, before the lease starts', async () => {
    await using setup = await Setup.make()
    const request = { ...(await setup.request('serve')), keepWarmMs: 5000 }
    const pids: string[] = []
    for (const memoryMib of [1024, 2048]) {
      const claims = setup.claims(`of ${memoryMib} MiB`, { memoryMib })
      pids.push(pidOf(await setup.leases.allocate(claims, request)))
      await setup.leases.release(claims)
    }
    await setup.leases.allocate(setup.claims('fits', { cores: 1, memoryMib: 1024 }), request)
    assert.equal(setup.kept.state.kept, 2)
    await setup.leases.allocate(setup.claims('needs it', { cores: 1, memoryMib: 1 }), request)
    assert.deepEqual(setup.kept.state, { kept: 1, keptMemoryMib: 2048 })
    assert.deepEqual(
      pids.map((pid) => existsSync(`/proc/${pid}`)),
      [false, true],
    )
    // The kept executor that the lease takes does not count against its memory.
    const last = await setup.leases.allocate(setup.claims('takes it', { memoryMib: 2048 }), request)
    assert.equal(last.start, 'kept')
  })

  it('gives up those that are kept longest when they have more workers than the node has cores', async () => {
    await using setup = await Setup.make()
    const request = { ...(await setup.request('serve')), keepWarmMs: 5000 }
    for (const [leaseId, cores] of [
      ['a', 2],
      ['b', 3],
    ] as const) {
      await setup.leases.allocate(setup.claims(leaseId, { cores }), request)
      await setup.leases.release(setup.claims(leaseId, { cores }))
    }
    assert.equal(setup.kept.state.kept, 1)
    assert.equal((await setup.leases.allocate(setup.claims('c', { cores: 3 }), request)).start, 'kept')
  })

  it('a kept executor that dies is no loss, and one that does not start again is replaced', async () => {
    await using setup = await Setup.make()
    const request = { ...(await setup.request('serve')), keepWarmMs: 5000 }
    const first = await setup.leases.allocate(setup.claims('a'), request)
    await setup.leases.release(setup.claims('a'))
    const emptied = setup.keptChanged()
    process.kill(Number(pidOf(first)), 'SIGKILL')
    await emptied
    assert.equal(setup.kept.state.kept, 0)
    const second = await setup.leases.allocate(setup.claims('b'), request)
    assert.equal(second.start, 'cold')
    await setup.leases.release(setup.claims('b'))
    // Killed just now: nobody has noticed.
    process.kill(Number(pidOf(second)), 'SIGKILL')
    const third = await setup.leases.allocate(setup.claims('c'), request)
    assert.equal(third.start, 'cold')
    assert.deepEqual(setup.changes, ['a active', 'a released', 'b active', 'b released', 'c active'])
  })
})
