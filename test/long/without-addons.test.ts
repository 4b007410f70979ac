/** The system tests of a lease, in a program whose addons cannot be loaded: all of it over `threads`. */
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { runNode } from '../harness/run-node.ts'

/** Tests of these suites that are about processes: of executors that are killed, and of clients that stand still. */
const OF_PROCESSES = 'killed executor|are two executors|stood still|stands still'

describe('without the addons', () => {
  for (const suite of ['lease', 'batch', 'bundle', 'what-travels']) {
    test(`the system tests pass: ${suite}`, () => {
      const file = fileURLToPath(new URL(`../${suite}.test.ts`, import.meta.url))
      // In this very process: a test runner in between would be ended alone, and leave a file that hangs.
      const args = [`--test-skip-pattern=${OF_PROCESSES}`, '--test-reporter=spec', file]
      const { status, stdout, stderr } = runNode(args, { RFAAS_ADDONS: 'none' })
      assert.equal(status, 0, stdout + stderr)
      assert.match(stdout, /^ℹ pass [1-9]/m)
    })
  }
})
