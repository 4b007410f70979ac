import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { TestClock } from '../../test-clock.ts'
import { UNRELEASED_LOOK_MS, UNRELEASED_PROBE_LOOKS_MAX, UNRELEASED_QUIET_LOOKS } from '../limits.ts'
import { UnreleasedWatch, type Holder, type Unreleased } from './unreleased-watch.ts'

const QUIET_MS = UNRELEASED_LOOK_MS * UNRELEASED_QUIET_LOOKS
const LEASE: Unreleased = { name: 'Lease lease-1', place: '/a.mts:3:4', remedy: 'lease.release()' }

class TestHolder implements Holder {
  calls = 0
  inUse = false
  held: Unreleased | null = LEASE
  isRef = true
  unreleased = (): Unreleased | null => this.held
  activity = (): number => this.calls
  isInUse = (): boolean => this.inUse
  ref = (): void => void (this.isRef = true)
  unref = (): void => void (this.isRef = false)
}

describe('UnreleasedWatch', () => {
  let clock: TestClock
  let holder: TestHolder
  let warnings: string[]
  let otherWork: boolean
  let probes: number
  let isLoopEmpty: boolean
  let waiting: (() => void) | null
  let watch: UnreleasedWatch

  beforeEach(() => {
    clock = new TestClock()
    holder = new TestHolder()
    warnings = []
    otherWork = false
    probes = 0
    isLoopEmpty = true
    waiting = null
    const hasOtherWork = (): boolean => {
      assert.equal(holder.isRef, false, 'the holders do not count')
      probes++
      return otherWork
    }
    const whenLoopIsEmpty = (f: () => void): (() => void) => {
      assert.equal(holder.isRef, false)
      if (isLoopEmpty) f()
      else waiting = f
      return () => (waiting = null)
    }
    const warn = (sentence: string): unknown => warnings.push(sentence)
    watch = new UnreleasedWatch({ clock, hasOtherWork, whenLoopIsEmpty, warn })
    watch.add(holder)
    // The first look only learns how many calls there were.
    clock.advance(UNRELEASED_LOOK_MS)
  })

  it('tells once what was not released, where it was made and what to do, when nothing happens', () => {
    holder.calls++
    clock.advance(UNRELEASED_LOOK_MS + QUIET_MS - 1)
    assert.deepEqual(warnings, [])
    clock.advance(1)
    assert.deepEqual(warnings, [
      `Lease lease-1, made at /a.mts:3:4, keeps this process alive, and nothing else has happened for ${QUIET_MS / 1000} s; ` +
        'call `lease.release()` at the end, or declare it with `await using`',
    ])
    assert.equal(holder.isRef, true)
    clock.advance(100 * QUIET_MS)
    assert.equal(warnings.length, 1)
    assert.equal(clock.timerCount, 0)
  })

  it('tells nothing while calls are made, or one is under way', () => {
    for (let look = 0; look < 20; look++) {
      holder.calls++
      clock.advance(UNRELEASED_LOOK_MS)
    }
    holder.inUse = true
    clock.advance(20 * QUIET_MS)
    assert.deepEqual([warnings, probes], [[], 0])
    holder.inUse = false
    clock.advance(QUIET_MS + UNRELEASED_LOOK_MS)
    assert.equal(warnings.length, 1)
  })

  it('tells nothing while the process has other work, and within a while after it', () => {
    otherWork = true
    clock.advance(1000 * QUIET_MS)
    assert.deepEqual(warnings, [])
    assert.ok(probes < (1000 * UNRELEASED_QUIET_LOOKS) / 10, `${probes} probes`)
    assert.equal(holder.isRef, true)
    otherWork = false
    clock.advance(UNRELEASED_PROBE_LOOKS_MAX * UNRELEASED_LOOK_MS)
    assert.equal(warnings.length, 1)
  })

  it('tells nothing where all is released, and has no timer where nothing is open', () => {
    holder.held = null
    clock.advance(10 * QUIET_MS)
    assert.deepEqual([warnings, probes], [[], 0])
    watch.delete(holder)
    clock.advance(UNRELEASED_LOOK_MS)
    assert.equal(clock.timerCount, 0)
    holder.held = LEASE
    watch.add(holder)
    clock.advance(QUIET_MS + UNRELEASED_LOOK_MS)
    assert.equal(warnings.length, 1)
  })

  it('begins anew when something is opened or closed', () => {
    const other = new TestHolder()
    clock.advance(QUIET_MS - UNRELEASED_LOOK_MS)
    watch.add(other)
    clock.advance(QUIET_MS - 1)
    watch.delete(other)
    clock.advance(QUIET_MS - 1)
    assert.deepEqual(warnings, [])
  })

  it('tells nothing while the event loop has something left, and keeps the process alive when it has not', () => {
    isLoopEmpty = false
    clock.advance(QUIET_MS)
    assert.deepEqual([warnings, holder.isRef], [[], false])
    clock.advance(UNRELEASED_LOOK_MS)
    assert.deepEqual([warnings, holder.isRef, waiting], [[], true, null])
    clock.advance(UNRELEASED_LOOK_MS)
    waiting!()
    assert.deepEqual([warnings.length, holder.isRef], [1, true])
  })

  it('ends a probe when something is opened', () => {
    isLoopEmpty = false
    clock.advance(QUIET_MS)
    watch.add(new TestHolder())
    assert.deepEqual([waiting, holder.isRef], [null, true])
  })

  it('leaves out a place that is not known', () => {
    holder.held = { ...LEASE, place: '' }
    clock.advance(QUIET_MS)
    assert.match(warnings[0]!, /^Lease lease-1 keeps this process alive/)
  })
})
