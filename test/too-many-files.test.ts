/** A program that has no file descriptor left is told so by the lease that needs one, and lives on. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const functions = new URL('./harness/functions.ts', import.meta.url).href
const index = import.meta.resolve('rfaas')

const PROGRAM = `
import { closeSync, openSync } from 'node:fs'
import { local } from ${JSON.stringify(index)}

await using cluster = await local({ cores: 1, pool: 0 })
const taken = []
try {
  for (;;) taken.push(openSync('/dev/null'))
} catch {}
// A program like a server still has some now and then: enough for a call, too few for a process.
for (const descriptor of taken.splice(0, 4)) closeSync(descriptor)
const lease = () => cluster.lease({ functions: ${JSON.stringify(functions)} })
const refusal = await lease().catch((error) => error)
for (const descriptor of taken) closeSync(descriptor)
await using granted = await lease()
console.log(JSON.stringify({ code: refusal.code, message: refusal.message, sum: await granted.call.add(1, 2) }))
`

test('without descriptors a lease is refused with a sentence; with them the next one is granted', () => {
  const run = spawnSync(
    'sh',
    ['-c', 'ulimit -n 128; exec "$0" --input-type=module -e "$1"', process.execPath, PROGRAM],
    { encoding: 'utf8', timeout: 30_000 },
  )
  assert.equal(run.status, 0, run.stderr)
  const { code, message, sum } = JSON.parse(run.stdout) as { code: string; message: string; sum: number }
  assert.equal(sum, 3)
  assert.equal(code, 'unsupported', message)
  assert.match(message, /^unsupported: Cannot bundle functions: .*EMFILE.*no file descriptor left.*ulimit -n/)
})
