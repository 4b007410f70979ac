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

  it('systemReason: libfabric says what its own errors are', () => {
    verbsNative()
    assert.match(systemReason(-257), /^provided buffer is too small \(libfabric error 257\)$/)
    assert.match(systemReason(-2), /ENOENT/)
  })

  it('calls with numbers of nothing that is there are errors, not crashes', () => {
    const host = hostNative()
    const verbs = verbsNative()
    for (const nobody of [0, -1, 1_000_000, 2 ** 40]) {
      const calls = [
        host.channelAttach(nobody),
        host.channelRing(nobody),
        host.channelWait(nobody, 0),
        host.channelInterrupt(nobody),
        host.channelClose(nobody),
        host.tcpAttach(nobody),
        host.tcpClose(nobody),
        host.tcpWrite(nobody, 0, 0, 0),
        host.tcpFinish(nobody, 0),
        host.tcpPoll(nobody, 0),
        host.tcpWait(nobody, 0),
        host.tcpArm(nobody),
        host.tcpWatch(nobody, () => {}),
        host.tcpInterrupt(nobody),
        host.tcpTakeInterrupt(nobody),
        host.tcpEnded(nobody),
        host.socketError(-1),
        host.watchWritable(nobody, 1),
        host.watchReference(nobody, 1),
        host.watchStop(nobody),
        host.libraryCall(nobody, new Uint8Array(1), new Uint8Array(1)),
        verbs.ofiListenerDescriptor(nobody),
        verbs.ofiListenerRequest(nobody, new Uint8Array(36)),
        verbs.ofiReject(nobody),
        verbs.ofiAccept(nobody, 1, 1, 1),
        verbs.ofiEstablish(nobody),
        verbs.ofiAttach(nobody),
        verbs.ofiDescriptor(nobody),
        verbs.ofiClose(nobody),
        verbs.ofiWrite(nobody, 0, 0, 0),
        verbs.ofiPoll(nobody),
        verbs.ofiWait(nobody, 0),
        verbs.ofiArm(nobody),
        verbs.ofiInterrupt(nobody),
        verbs.ofiTakeInterrupt(nobody),
      ]
      for (const [index, result] of calls.entries())
        assert.ok(result < 0, `call ${index} with ${nobody} gave ${result}`)
      assert.equal(verbs.ofiOutbound(nobody), null)
      assert.equal(host.tcpOutbound(nobody), null)
      assert.equal(host.tcpFinished(nobody), 0)
      assert.equal(host.libraryFunction(nobody, 'f'), 0)
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
