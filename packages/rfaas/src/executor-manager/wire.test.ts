import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { create } from '@bufbuild/protobuf'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { AllocateRequestSchema } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import type { AllocationRequest } from './allocation.ts'
import { allocationRequest } from './wire.ts'

const DEMAND = { tenant: 't', cores: 2, memoryMib: 64, resources: {} }
const CLAIMS = { leaseId: 'a', nodeId: 'n', ...DEMAND, expiresUnixMs: 1, fence: 1 }
const OFFERS = [
  { fabric: 'local', address: '' },
  { fabric: 'tcp', address: '10.0.0.2' },
  { fabric: 'tcp', address: '10.1.0.2' },
]
const GOOD = {
  bundleSha256: 'ab',
  fabric: 'tcp',
  slots: 4,
  payloadBytesMax: 1 << 20,
  hotTimeoutMs: -1,
  keepWarmMs: 9.5,
  env: { LEVEL: 'debug' },
  output: false,
}

function check(changes: MessageInitShape<typeof AllocateRequestSchema> = {}): AllocationRequest {
  return allocationRequest(create(AllocateRequestSchema, { ...GOOD, ...changes }), CLAIMS, OFFERS)
}

describe('allocationRequest', () => {
  it('gives a complete request, with the address that the fabric listens on', () => {
    assert.deepEqual(check(), { ...GOOD, payloadBytesLargest: 1 << 20, listenAddress: '10.0.0.2' })
    assert.equal(check({ address: '10.1.0.2' }).listenAddress, '10.1.0.2')
    assert.equal(check({ fabric: 'local' }).listenAddress, '')
    for (const hotTimeoutMs of [-1, 0, 0.001, 1e9]) assert.equal(check({ hotTimeoutMs }).hotTimeoutMs, hotTimeoutMs)
  })

  it('lets payloads grow up to the memory beside the slots, where the client asks for it', () => {
    const MIB = 2 ** 20
    // 64 MiB, less 4 slots of 1 MiB and a header, both ways, for 2 workers.
    assert.equal(check({ payloadsGrow: true }).payloadBytesLargest, 48 * MIB - 16 * 64)
    assert.equal(check({ payloadsGrow: true, slots: 15 }).payloadBytesLargest, 4 * MIB - 60 * 64)
    const verbs = create(AllocateRequestSchema, { ...GOOD, fabric: 'verbs', payloadsGrow: true })
    assert.equal(allocationRequest(verbs, CLAIMS, [{ fabric: 'verbs', address: '' }]).payloadBytesLargest, MIB)
  })

  it('refuses a fabric that is not offered', () => {
    assert.throws(
      () => check({ fabric: 'verbs' }),
      new RfaasError(
        'unsupported',
        'Cannot start executor: fabric "verbs" asked, this node offers local, tcp 10.0.0.2, tcp 10.1.0.2',
      ),
    )
    assert.throws(() => check({ fabric: 'memory' }), { code: 'unsupported' })
    assert.throws(() => check({ address: '10.2.0.2' }), { code: 'unsupported', message: /"tcp" at 10\.2\.0\.2 asked/ })
  })

  it('refuses variables that are none, whatever the client did with them', () => {
    const refused = { code: 'invalid_argument', message: /env: RFAAS_EXECUTOR belongs to rfaas/ }
    assert.throws(() => check({ env: { RFAAS_EXECUTOR: '' } }), refused)
    assert.throws(() => check({ env: { A: 'x'.repeat(65_536) } }), {
      code: 'invalid_argument',
      message: /env has 65537/,
    })
  })

  it('refuses times to keep an executor that are none', () => {
    assert.equal(check({ keepWarmMs: 0 }).keepWarmMs, 0)
    for (const keepWarmMs of [-1, NaN, Infinity]) {
      assert.throws(() => check({ keepWarmMs }), { code: 'invalid_argument', message: /keepWarmMs must be/ })
    }
  })

  it('refuses hot timeouts, slots and payloads out of their ranges', () => {
    for (const hotTimeoutMs of [-2, -0.5, NaN, Infinity]) {
      assert.throws(() => check({ hotTimeoutMs }), { code: 'invalid_argument' })
    }
    for (const slots of [0, 5000]) assert.throws(() => check({ slots }), { code: 'invalid_argument' })
    for (const payloadBytesMax of [0, 2 ** 31]) {
      assert.throws(() => check({ payloadBytesMax }), { code: 'invalid_argument' })
    }
  })

  it('refuses windows that do not fit into the memory of the lease', () => {
    assert.throws(
      () => check({ slots: 16 }),
      new RfaasError(
        'invalid_argument',
        'Cannot start executor: 16 slots of 1048576 bytes each way for each of 2 workers are 65 MiB, the lease has 64',
      ),
    )
  })
})
