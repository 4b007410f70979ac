import assert from 'node:assert/strict'
import { availableParallelism, hostname } from 'node:os'
import { describe, it } from 'node:test'
import { hostIdentity } from '@rfaas/fabric'
import { describeMachine } from './machine.ts'

describe('describeMachine', () => {
  it('offers all cores and half of the memory, over local and tcp, under a name of its own', async () => {
    const [one, other] = [await describeMachine({}), await describeMachine({})]
    assert.ok(one.nodeId.startsWith(`${hostname()}-`))
    assert.notEqual(one.nodeId, other.nodeId)
    assert.equal(one.cores, availableParallelism())
    assert.ok(one.memoryMib >= 1)
    assert.deepEqual(one.offers, [
      { fabric: 'local', hostId: hostIdentity(), address: '' },
      { fabric: 'tcp', hostId: '', address: '127.0.0.1' },
    ])
  })

  it('resolves the host to the address that clients are told', async () => {
    const { address, offers } = await describeMachine({ host: 'localhost', fabrics: ['tcp', 'tcp'] })
    assert.match(address, /^(127\.0\.0\.1|::1)$/)
    assert.deepEqual(offers, [{ fabric: 'tcp', hostId: '', address }])
  })

  it('refuses what is out of range, with the value', async () => {
    const refused = (options: object, message: RegExp) =>
      assert.rejects(describeMachine(options), { code: 'invalid_argument', message })
    await refused({ cores: 0 }, /cores must be 1 to 4096, not 0/)
    await refused({ cores: 1.5 }, /not 1.5/)
    await refused({ memoryMib: NaN }, /memoryMib must be 1 to \d+, not NaN/)
    for (const keepWarmMsMax of [-1, NaN, 86_400_001]) {
      await refused({ keepWarmMsMax }, /keepWarmMsMax must be 0 to 86400000, not/)
    }
    await refused({ nodeId: 'a b' }, /nodeId must be .*, not "a b"/)
    await refused({ nodeId: '' }, /not ""/)
    await refused({ host: '0.0.0.0' }, /host is 0.0.0.0; it must be one address/)
    await refused({ host: 'no such host' }, /no address for host "no such host"/)
    await refused({ resources: { gpu: 0 } }, /resource gpu is 0, must be a whole number from 1 to 4096/)
    await refused({ resources: { 'a.b': 1, 'a-b': 1 } }, /resources a.b and a-b would both be RFAAS_RESOURCE_A_B/)
    await refused({ labels: { 'zone=': 'a' } }, /a label is "zone=", must be 1 to 64 letters/)
    await refused({ fabrics: [] }, /the list of fabrics is empty/)
  })
})
