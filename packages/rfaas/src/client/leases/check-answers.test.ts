import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { AllocateResponseSchema, RequestLeaseResponseSchema } from '../../control/gen/rfaas_pb.ts'
import { checkAllocated, checkGrants } from './check-answers.ts'

const LEASE = { leaseId: 'lease-1', cores: 1, expiresUnixMs: 1000 }
const NODE = { controlUrl: 'http://[::1]:7071' }

describe('checkGrants', () => {
  const check = (init: MessageInitShape<typeof RequestLeaseResponseSchema>) =>
    checkGrants(create(RequestLeaseResponseSchema, init))

  test('gives complete grants', () => {
    const [grant] = check({ grants: [{ lease: LEASE, node: NODE, token: 't' }], nowUnixMs: 1 })
    assert.deepEqual([grant!.lease.leaseId, grant!.token], ['lease-1', 't'])
  })

  test('refuses what no lease can be made of, and says why', () => {
    const grant = (lease: object, node: object = NODE) => ({ grants: [{ lease: { ...LEASE, ...lease }, node }] })
    const cases: [MessageInitShape<typeof RequestLeaseResponseSchema>, RegExp][] = [
      [{}, /grants no lease/],
      [{ grants: [{ lease: LEASE }] }, /no lease or no node/],
      [{ ...grant({}), nowUnixMs: NaN }, /its time is NaN/],
      [grant({ leaseId: '' }), /no id/],
      [grant({ cores: 0 }), /no cores/],
      [grant({ expiresUnixMs: Infinity }), /expires at Infinity/],
      [grant({}, { controlUrl: 'x' }), /URL is 'x'/],
    ]
    for (const [init, message] of cases) assert.throws(() => check(init), { code: 'manager_unreachable', message })
  })
})

describe('checkAllocated', () => {
  const check = (init: MessageInitShape<typeof AllocateResponseSchema>) =>
    checkAllocated(create(AllocateResponseSchema, init), 'The executor')
  const worker = { address: 'a', secret: new Uint8Array(32) }

  test('refuses workers that cannot be used, and says why', () => {
    check({ workers: [worker], functions: [{ name: 'f' }] })
    const cases: [MessageInitShape<typeof AllocateResponseSchema>, RegExp][] = [
      [{}, /The executor has no workers/],
      [{ workers: [worker, { ...worker, secret: new Uint8Array(31) }] }, /a secret of 31 bytes, not 32/],
      [{ workers: [worker], functions: [{ name: 'f' }, { name: 'f' }] }, /two functions of one name/],
    ]
    for (const [init, message] of cases) assert.throws(() => check(init), { code: 'node_unreachable', message })
  })
})
