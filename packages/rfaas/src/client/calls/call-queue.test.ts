import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { CallQueue, type Queued } from './call-queue.ts'

class Member implements Queued<Member> {
  next: Member | null = null
  previous: Member | null = null
  isQueued = false
  readonly name: number
  constructor(name: number) {
    this.name = name
  }
}

function membersOf(queue: CallQueue<Member>): number[] {
  const names: number[] = []
  for (let each = queue.first; each !== null; each = each.next) names.push(each.name)
  return names
}

const step = fc.oneof(
  fc.record({ does: fc.constant('push' as const), which: fc.constant(0) }),
  fc.record({ does: fc.constant('unshift' as const), which: fc.constant(0) }),
  fc.record({ does: fc.constant('remove' as const), which: fc.nat(30) }),
)
const seed = Math.floor(Math.random() * 2 ** 31)

test(`CallQueue holds the same as an array, whatever is pushed, unshifted and removed (seed ${seed})`, () => {
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const queue = new CallQueue<Member>()
    const made: Member[] = []
    let expected: number[] = []
    for (const { does, which } of steps) {
      if (does === 'remove') {
        const member = made[which]
        if (member === undefined) continue
        assert.equal(queue.remove(member), expected.includes(member.name))
        expected = expected.filter((name) => name !== member.name)
      } else {
        const member = new Member(made.length)
        made.push(member)
        queue[does](member)
        expected = does === 'push' ? [...expected, member.name] : [member.name, ...expected]
      }
      assert.deepEqual(membersOf(queue), expected)
      assert.equal(queue.length, expected.length)
    }
  })
  fc.assert(property, { seed })
})
