import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import { NO_USAGE } from '../accounting/usage.ts'
import { LEASE_REMEMBERED_MS } from './limits.ts'
import type { LeaseNews } from './node-leases.ts'
import { DURATION_MS, forks, newsOf, pidOf, Setup, TOTAL } from './test-node-leases.ts'
import { orderBundle } from './test-executor.ts'

describe('NodeLeases', { timeout: 60_000 }, () => {
  it('allocates: one secret a worker, cores and memory taken; releases: process gone, all back, twice the same', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    const started = await setup.leases.allocate(claims, await setup.request('serve'))
    assert.deepEqual(
      started.secrets.map((secret) => secret.length),
      [32, 32],
    )
    assert.notDeepEqual(started.secrets[0], started.secrets[1])
    assert.equal(started.addresses.length, 2)
    assert.deepEqual(setup.capacity.free, { ...TOTAL, cores: 2, memoryMib: 3072 })
    assert.equal(existsSync(`/proc/${pidOf(started)}`), true)
    setup.clock.advance(10_000)
    const [usage, again] = await Promise.all([setup.leases.release(claims), setup.leases.release(claims)])
    assert.deepEqual(usage, {
      allocationCoreS: 20,
      allocationGibS: 10,
      hotPollingNs: 5,
      executionNs: 7,
      invocations: 1,
    })
    assert.deepEqual(again, usage)
    setup.clock.advance(10_000)
    assert.deepEqual(await setup.leases.release(claims), usage)
    assert.equal(existsSync(`/proc/${pidOf(started)}`), false)
    assert.deepEqual(setup.capacity.free, TOTAL)
    assert.deepEqual(setup.changes, ['a active', 'a released'])
  })

  it('releases a lease that never was allocated', async () => {
    await using setup = await Setup.make()
    assert.deepEqual(await setup.leases.release(setup.claims('a')), NO_USAGE)
  })

  it('refuses what it does not have, and another lease than the one that asked does not suffer', async () => {
    await using setup = await Setup.make()
    const request = await setup.request('serve')
    await setup.leases.allocate(setup.claims('a', { cores: 3 }), request)
    await assert.rejects(setup.leases.allocate(setup.claims('b'), request), { code: 'lease_denied' })
    await setup.leases.allocate(setup.claims('b', { cores: 1 }), request)
    assert.equal(setup.capacity.free.cores, 0)
  })

  it('refuses older tokens and replayed ones, while the lease runs and after it', async () => {
    await using setup = await Setup.make()
    const request = await setup.request('serve')
    const [first, second] = [setup.claims('a', { fence: 1 }), setup.claims('a', { fence: 2 })]
    await setup.leases.allocate(first, request)
    await assert.rejects(setup.leases.allocate(first, request), {
      code: 'token_refused',
      message: 'token_refused: Cannot accept the lease token again: lease a already has an executor',
    })
    setup.leases.extend(second)
    assert.throws(() => setup.leases.extend(first), {
      code: 'token_refused',
      message:
        'token_refused: Cannot accept the lease token: its fencing number is 1, this node has seen a token with 2',
    })
    await assert.rejects(setup.leases.release(first), { code: 'token_refused' })
    await setup.leases.release(second)
    await assert.rejects(setup.leases.allocate(second, request), { code: 'lease_closed', message: /was released/ })
    // The lease is remembered until every token seen has expired.
    setup.leases.admit({ ...second, fence: 3, expiresUnixMs: second.expiresUnixMs + 5000 })
    setup.clock.advance(DURATION_MS + 4999)
    assert.equal(setup.leases.has('a'), true)
  })

  it('forgets a lease when its tokens have expired and a last question may have been asked', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    setup.leases.admit(setup.claims('only seen'))
    await setup.leases.allocate(claims, await setup.request('serve'))
    setup.clock.advance(DURATION_MS - 1)
    await setup.leases.release(claims)
    setup.clock.advance(1)
    assert.equal(setup.leases.has('only seen'), false)
    setup.clock.advance(LEASE_REMEMBERED_MS - 2)
    assert.equal(setup.leases.has('a'), true)
    setup.clock.advance(1)
    assert.equal(setup.leases.has('a'), false)
  })

  it('stops an executor when its lease expires, not before, and a renewal moves that', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    const started = await setup.leases.allocate(claims, await setup.request('serve'))
    setup.clock.advance(DURATION_MS - 1)
    setup.leases.extend(setup.claims('a', { fence: 2 }))
    setup.clock.advance(DURATION_MS - 1)
    assert.equal(setup.leases.reports()[0]?.end, null)
    const changed = setup.changed()
    setup.clock.advance(1)
    await changed
    assert.equal(existsSync(`/proc/${pidOf(started)}`), false)
    const [report] = setup.leases.reports()
    assert.deepEqual(report?.end, { reason: 'expired', message: 'Lease a expired: it was not renewed in time' })
    assert.equal(report?.usage.allocationCoreS, (2 * (2 * DURATION_MS - 1)) / 1000)
    assert.throws(() => setup.leases.extend(setup.claims('a', { fence: 2 })), { code: 'lease_expired' })
  })

  it('tells at once of a crash, with exit code and last output, and reports it until that was confirmed', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    const closed = Promise.withResolvers<string>()
    await setup.leases.allocate(claims, await setup.request('crash'))
    for await (const news of setup.leases.watch(claims, new AbortController().signal)) {
      if (news.state === 'closed') closed.resolve(`${news.end.reason}: ${news.end.message}`)
    }
    assert.equal(
      await closed.promise,
      'executor_crashed: The executor of lease a crashed: the process ended with code 9; its last output:\nlast words',
    )
    assert.deepEqual(setup.capacity.free, TOTAL)
    const reports = setup.leases.reports()
    assert.deepEqual([reports[0]?.end?.reason, reports[0]?.usage.executionNs], ['executor_crashed', 7])
    setup.leases.confirm(setup.leases.reports())
    assert.deepEqual(setup.leases.reports(), [])
    assert.equal((await setup.leases.release(claims)).invocations, 1)
  })

  it('keeps what a killed executor has metered', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    const started = await setup.leases.allocate(claims, await setup.request('serve'))
    process.kill(Number(pidOf(started)), 'SIGKILL')
    const news: LeaseNews[] = []
    for await (const each of setup.leases.watch(claims, new AbortController().signal)) news.push(each)
    const last = news.at(-1)!
    assert.equal(last.state, 'closed')
    assert.match(last.end.message, /crashed: the process was ended by signal SIGKILL$/)
    assert.equal((await setup.leases.release(claims)).executionNs, 7)
  })

  it('takes an executor that ends because its client has gone for a release', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    await setup.leases.allocate(claims, await setup.request('client gone'))
    assert.equal((await newsOf(setup, claims)).at(-1), 'released')
  })

  it('after a start that failed all is given back, nothing is reported, and the lease may be allocated again', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    const absent = { ...(await setup.request('serve')), bundleSha256: orderBundle('never ready').sha256 }
    await assert.rejects(setup.leases.allocate(claims, absent), { code: 'not_found' })
    const failing = setup.leases.allocate(claims, await setup.request('fail'))
    await assert.rejects(newsOf(setup, claims), { code: 'not_found' })
    await assert.rejects(failing, { code: 'module_failed', message: 'module_failed: Cannot start executor: told to' })
    assert.deepEqual(setup.capacity.free, TOTAL)
    assert.deepEqual(setup.leases.reports(), [])
    assert.deepEqual(setup.changes, [])
    await setup.leases.allocate(claims, await setup.request('serve'))
  })

  it('ends a start when its lease is released or expires meanwhile', async () => {
    await using setup = await Setup.make()
    const request = await setup.request('never ready')
    const before = setup.leases.allocate(setup.claims('a'), request)
    const released = setup.leases.release(setup.claims('a'))
    await assert.rejects(before, { code: 'lease_closed', message: /Lease a was released by its client/ })
    assert.equal((await released).invocations, 0)

    const forked = once(forks(), 'fork')
    const during = setup.leases.allocate(setup.claims('b'), request)
    await forked
    const changed = setup.changed()
    setup.clock.advance(DURATION_MS)
    await assert.rejects(during, { code: 'lease_expired', message: /Lease b expired/ })
    await changed
    assert.deepEqual(setup.capacity.free, TOTAL)
    assert.deepEqual(setup.changes, ['a released', 'b expired'])
  })

  it('watch tells active, then the end; only the end to who comes late; ends when nobody listens any more', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    await assert.rejects(newsOf(setup, claims), { code: 'not_found' })
    const starting = setup.leases.allocate(claims, await setup.request('serve'))
    const early = newsOf(setup, claims)
    await starting
    const gone = new AbortController()
    const watching = setup.leases.watch(claims, gone.signal)
    assert.deepEqual(await watching.next(), { done: false, value: { state: 'active' } })
    const rest = watching.next()
    gone.abort()
    assert.deepEqual(await rest, { done: true, value: undefined })
    await setup.leases.release(claims)
    assert.deepEqual(await early, ['active', 'released'])
    assert.deepEqual(await newsOf(setup, claims), ['released'])
  })

  it('stops what the resource manager calls closed: retrieved, or expired when it has', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    await setup.leases.allocate(claims, await setup.request('serve'))
    setup.leases.stopClosed(['unknown', 'a', 'a'])
    assert.equal((await newsOf(setup, claims)).at(-1), 'retrieved')
    const late = setup.claims('b')
    await setup.leases.allocate(late, await setup.request('serve'))
    setup.clock.step(DURATION_MS)
    setup.leases.stopClosed(['b'])
    assert.equal((await newsOf(setup, late)).at(-1), 'expired')
  })

  it('retrieve: what an idle executor had is back at once; the client is told before, the resource manager after', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    await setup.leases.allocate(claims, await setup.request('serve'))
    const told = newsOf(setup, claims)
    setup.leases.retrieve([{ leaseId: 'a', message: 'kernel update', graceMs: 5000 }])
    assert.deepEqual(await told, ['terminating', 'retrieved'])
    assert.deepEqual(setup.capacity.free, TOTAL)
    const [report] = setup.leases.reports()
    const message = 'Lease a was retrieved: kernel update'
    assert.deepEqual(report?.end, { reason: 'retrieved', message })
    // Said again until the resource manager has heard of the end.
    setup.leases.retrieve([{ leaseId: 'a', message: 'kernel update', graceMs: 0 }])
    assert.throws(() => setup.leases.extend(claims), { code: 'lease_retrieved', message: /kernel update/ })
  })

  it('retrieve: what runs may run until the grace is over, which is only ever shortened, then it is killed', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    await setup.leases.allocate(claims, await setup.request('never done'))
    const retrieve = (graceMs: number): void =>
      setup.leases.retrieve([{ leaseId: 'a', message: 'kernel update', graceMs }])
    retrieve(5000)
    const watching = setup.leases.watch(claims, new AbortController().signal)
    const notice = { message: 'Lease a was retrieved: kernel update', graceMs: 5000 }
    assert.deepEqual((await watching.next()).value, { state: 'terminating', retrieval: notice })
    assert.throws(() => setup.leases.extend(setup.claims('a', { fence: 2 })), { code: 'lease_retrieved' })
    setup.clock.advance(1000)
    retrieve(60_000)
    setup.clock.advance(3999)
    retrieve(10)
    assert.equal(setup.capacity.free.cores, TOTAL.cores - claims.cores)
    setup.clock.advance(1)
    const end = (await watching.next()).value as LeaseNews
    assert.deepEqual(end, { state: 'closed', end: { reason: 'retrieved', message: notice.message } })
    assert.deepEqual(setup.capacity.free, TOTAL)
  })

  it('retrieve: a grace longer than the lease still had is given; one that nobody has changes nothing', async () => {
    await using setup = await Setup.make()
    await setup.leases.allocate(setup.claims('a'), await setup.request('never done'))
    setup.leases.retrieve([
      { leaseId: 'a', message: 'kernel update', graceMs: 2 * DURATION_MS },
      { leaseId: 'b', message: 'kernel update', graceMs: 0 },
    ])
    setup.clock.advance(2 * DURATION_MS - 1)
    assert.equal(setup.leases.reports()[0]?.end, null)
    const changed = setup.changed()
    setup.clock.advance(1)
    await changed
    assert.deepEqual(setup.changes, ['a active', 'a retrieved'])
  })

  for (const order of [
    ['release', 'retrieve'],
    ['retrieve', 'release'],
  ]) {
    it(`${order.join(', then ')}: it has the grace of the retrieval, not that of a release`, async ({ mock }) => {
      const kill = mock.method(process, 'kill')
      await using setup = await Setup.make()
      const claims = setup.claims('a')
      await setup.leases.allocate(claims, await setup.request('never done'))
      const notice = { leaseId: 'a', message: 'maintenance', graceMs: 100 }
      for (const step of order) {
        if (step === 'release') void setup.leases.release(claims)
        else setup.leases.retrieve([notice])
      }
      const closed = setup.changed()
      setup.clock.advance(99)
      assert.deepEqual([setup.capacity.free.cores, kill.mock.callCount()], [2, 0])
      setup.clock.advance(1)
      // The grace of a release is counted by a real timer, and is not over for long.
      await new Promise(setImmediate)
      assert.equal(kill.mock.callCount(), 1)
      await closed
      assert.deepEqual([setup.changes.at(-1), setup.capacity.free.cores], ['a released', 4])
    })
  }

  it('stopAll retrieves everything and starts nothing more', async () => {
    await using setup = await Setup.make()
    const claims = setup.claims('a')
    await setup.leases.allocate(claims, await setup.request('serve'))
    const starting = assert.rejects(setup.leases.allocate(setup.claims('b'), await setup.request('never ready')), {
      code: 'lease_retrieved',
    })
    await setup.leases.stopAll()
    await starting
    assert.deepEqual(await newsOf(setup, claims), ['retrieved'])
    await assert.rejects(setup.leases.allocate(setup.claims('c'), await setup.request('serve')), { code: 'closed' })
  })
})
