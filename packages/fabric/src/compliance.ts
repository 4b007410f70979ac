import { describe } from 'node:test'

import { testBursting } from './compliance/bursting.ts'
import { testClosing } from './compliance/closing.ts'
import { testConnecting } from './compliance/connecting.ts'
import { testDying } from './compliance/dying.ts'
import { testEchoing } from './compliance/echoing.ts'
import { testFinishing } from './compliance/finishing.ts'
import type { Harness } from './compliance/harness.ts'
import { testLacking } from './compliance/lacking.ts'
import { testMessages } from './compliance/messages.ts'
import { PATIENCE } from './compliance/patience.ts'
import { testPeerWatching } from './compliance/peer-watching.ts'
import { testProgressing } from './compliance/progressing.ts'
import { testRacing } from './compliance/racing.ts'
import { testSleeping } from './compliance/sleeping.ts'
import { testThreading } from './compliance/threading.ts'
import { testViewing } from './compliance/viewing.ts'
import { testWriting } from './compliance/writing.ts'

export type { Harness } from './compliance/harness.ts'

/**
 * Registers with node:test the tests that every fabric must pass. Starts peer processes and threads of its own, and
 * ends them. Where `harness.separate` is false, both ends live in one thread, and tests that need two are skipped.
 */
export function testCompliance(harness: Harness): void {
  const { name } = harness.fabric
  const options = { timeout: 60_000 * PATIENCE }
  describe(`${name}: connecting`, options, () => testConnecting(harness))
  describe(`${name}: writing`, options, () => testWriting(harness))
  describe(`${name}: messages`, options, () => testMessages(harness))
  describe(`${name}: bursting`, options, () => testBursting(harness))
  describe(`${name}: progressing`, options, () => testProgressing(harness))
  describe(`${name}: sleeping`, options, () => testSleeping(harness))
  describe(`${name}: racing`, options, () => testRacing(harness))
  describe(`${name}: echoing`, options, () => testEchoing(harness))
  describe(`${name}: dying`, options, () => testDying(harness))
  describe(`${name}: finishing`, options, () => testFinishing(harness))
  describe(`${name}: watching the peer`, options, () => testPeerWatching(harness))
  describe(`${name}: closing`, options, () => testClosing(harness))
  describe(`${name}: viewing`, options, () => testViewing(harness))
  describe(`${name}: lacking descriptors`, options, () => testLacking(harness))
  describe(`${name}: threading`, options, () => testThreading(harness))
}
