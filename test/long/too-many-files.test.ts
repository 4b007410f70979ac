/** A program that has no file descriptor left is told so by the lease that needs one, and lives on. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const functions = new URL('../harness/functions.ts', import.meta.url).href
const index = import.meta.resolve('rfaas')

const PROGRAM = `
import { closeSync, openSync } from 'node:fs'
import { local } from ${JSON.stringify(index)}

await using cluster = await local({ cores: 1, pool: 0 })
const lease = () => cluster.lease({ functions: ${JSON.stringify(functions)} })
const refusals = []
for (const left of JSON.parse(process.argv[1])) {
  const taken = []
  try {
    for (;;) taken.push(openSync('/dev/null'))
  } catch {}
  for (const descriptor of taken.splice(0, left)) closeSync(descriptor)
  const refusal = await lease().then(() => null, (error) => error)
  for (const descriptor of taken) closeSync(descriptor)
  refusals.push({ left, name: refusal?.name, code: refusal?.code, message: refusal?.message })
}
await using granted = await lease()
console.log(JSON.stringify({ refusals, sum: await granted.call.add(1, 2) }))
`

interface Told {
  refusals: { left: number; name: string; code: string; message: string }[]
  sum: number
}

function run(left: number[]): Told {
  const command = 'ulimit -n 128; exec "$0" --input-type=module -e "$1" "$2"'
  const args = ['-c', command, process.execPath, PROGRAM, JSON.stringify(left)]
  const { status, stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as Told
}

test('with too few descriptors for a process a lease is refused with a sentence; with them the next one is granted', () => {
  // A program like a server still has some now and then: enough for a call, too few for a process.
  const { refusals, sum } = run([4])
  assert.equal(sum, 3)
  assert.equal(refusals[0]!.code, 'unsupported')
  assert.match(
    refusals[0]!.message,
    /^unsupported: Cannot bundle functions: .*EMFILE.*no file descriptor left.*ulimit -n/,
  )
})

test('without any descriptor, or with very few, a lease is refused with what to do, and the client lives', () => {
  const { refusals, sum } = run([0, 1, 2, 3, 0])
  assert.equal(sum, 3)
  for (const { left, name, code, message } of refusals) {
    assert.equal(name, 'RfaasError', `${left} left: ${message}`)
    assert.ok(['unsupported', 'executor_start_failed'].includes(code), `${left} left: ${message}`)
    assert.match(message, /no file descriptor left: close some files or connections, or raise the limit \(ulimit -n\)/)
  }
})
