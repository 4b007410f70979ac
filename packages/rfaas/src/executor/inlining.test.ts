import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

import { INLINED_BYTES_V8 } from './inlining.ts'

test("the flag that threads start under is V8's own", () => {
  const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })
  const [, bytes] =
    /--max-inlined-bytecode-size-cumulative .*\n.*default: --max-inlined-bytecode-size-cumulative=(\d+)/.exec(options)!
  assert.equal(Number(bytes), INLINED_BYTES_V8)
})
