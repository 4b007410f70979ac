import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'

import { fabricFacts } from './facts.ts'
import { checked, verbsNative, hostNative, systemReason } from './native.ts'

/** The method names of an interface of native.ts, in their order. */
function declared(name: string): string[] {
  const source = readFileSync(new URL('./native.ts', import.meta.url), 'utf8')
  const [, body] = new RegExp(`export interface ${name} \\{\n(.*?)\n\\}`, 's').exec(source)!
  return [...body!.matchAll(/^ {2}(\w+)\(/gm)].map(([, method]) => method!)
}

describe('native', () => {
  it('the addons export what is declared, in the same order', () => {
    assert.deepEqual(Object.keys(hostNative()), declared('HostNative'))
    assert.deepEqual(Object.keys(verbsNative()), declared('VerbsNative'))
  })

  it('checked: gives back what is no error, else throws the reason of the operating system', () => {
    assert.equal(checked(0, 'Cannot do it'), 0)
    assert.equal(checked(7, 'Cannot do it'), 7)
    assert.throws(() => checked(-2, 'Cannot do it'), {
      code: 'system',
      message: 'system: Cannot do it: no such file or directory (ENOENT)',
    })
    assert.match(systemReason(-100_000), /100000/)
  })

  it('calls with numbers of nothing that is there are errors, not crashes', () => {
    const local = hostNative()
    const libfabric = verbsNative()
    for (const nobody of [0, -1, 1_000_000, 2 ** 40]) {
      const calls = [
        local.channelAttach(nobody),
        local.channelRing(nobody),
        local.channelWait(nobody, 0),
        local.channelInterrupt(nobody),
        local.channelClose(nobody),
        local.watchReference(nobody, 1),
        local.watchStop(nobody),
        libfabric.ofiListenerDescriptor(nobody),
        libfabric.ofiListenerRequest(nobody, new Uint8Array(36)),
        libfabric.ofiReject(nobody),
        libfabric.ofiAccept(nobody, 1, 1, 1),
        libfabric.ofiEstablish(nobody),
        libfabric.ofiAttach(nobody),
        libfabric.ofiDescriptor(nobody),
        libfabric.ofiClose(nobody),
        libfabric.ofiWrite(nobody, 0, 0, 0),
        libfabric.ofiPoll(nobody),
        libfabric.ofiWait(nobody, 0),
        libfabric.ofiArm(nobody),
        libfabric.ofiInterrupt(nobody),
        libfabric.ofiTakeInterrupt(nobody),
      ]
      for (const [index, result] of calls.entries())
        assert.ok(result < 0, `call ${index} with ${nobody} gave ${result}`)
      assert.equal(libfabric.ofiOutbound(nobody), null)
    }
  })
})

describe('fabricFacts', () => {
  it('local and tcp can be used where the addon is built; what cannot says why', () => {
    const { fabrics, libfabric } = fabricFacts()
    assert.deepEqual(
      fabrics.map(({ name }) => name),
      ['local', 'tcp', 'verbs'],
    )
    assert.match(libfabric ?? '', /^(\d+\.\d+)?$/)
    for (const { name, ok, reason } of fabrics) {
      assert.ok(ok || name === 'verbs', reason)
      assert.equal(reason === '', ok)
    }
  })
})
