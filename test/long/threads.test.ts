/** A program whose addons cannot be loaded, as on macOS or Windows: local() and all that stands on it, over `threads`. */
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'

import { runNode as run } from '../harness/run-node.ts'

const rfaas = JSON.stringify(import.meta.resolve('rfaas'))
const functions = JSON.stringify(import.meta.resolve('../harness/functions.ts'))

const program = (body: string): string[] => ['--input-type=module', '-e', `import { local } from ${rfaas}\n${body}`]
const HIDDEN = { RFAAS_ADDONS: 'none' }

const SCENE = `
  await using cluster = await local({ cores: 1, memoryMib: 1024 })
  await using second = await local({ cores: 1, memoryMib: 1024 })
  await using lease = await cluster.lease({ functions: new URL(${functions}) })
  console.log(lease.fabric, await lease.call.add(1, 2), (await lease.call.whoAmI()).pid === process.pid)`

describe('without the addons', () => {
  test('local() runs functions in threads of this process, and says so once, with a code and the reason', () => {
    const { stdout, stderr } = run(program(SCENE), HIDDEN)
    assert.equal(stdout, 'threads 3 true\n', stderr)
    assert.match(
      stderr,
      /^\(node:\d+\) \[RFAAS_THREADS\] RfaasWarning: local\(\) runs functions in threads .*RFAAS_ADDONS/,
    )
    assert.equal(stderr.match(/RFAAS_THREADS/g)?.length, 1)
  })

  test('under node --permission local() works, with the reason in the warning', () => {
    const allowed = ['--allow-fs-read=*', '--allow-fs-write=*', '--allow-worker', '--allow-child-process']
    const { stdout, stderr } = run(['--permission', ...allowed, ...program(SCENE)])
    assert.equal(stdout, 'threads 3 true\n', stderr)
    assert.match(stderr, /\[RFAAS_THREADS\].*Cannot load rfaas_host: Cannot load native addon/)
    const noChild = allowed.filter((flag) => flag !== '--allow-child-process')
    const refused = run(['--permission', ...noChild, ...program(SCENE)])
    assert.match(refused.stderr, /unsupported: Cannot bundle functions: cannot start esbuild: .*--allow-child-process/)
  })

  test('a lease that asks for another fabric is refused with the reason', () => {
    const { stdout, stderr } = run(
      program(`
        await using cluster = await local({ cores: 1, memoryMib: 1024 })
        for (const fabric of ['local', 'tcp'])
          await cluster.lease({ functions: new URL(${functions}), fabric }).catch(({ message }) => console.log(message))`),
      HIDDEN,
    )
    const reason = 'Cannot load rfaas_host: the environment variable RFAAS_ADDONS is none; over threads, local() works'
    const sentence = (fabric: string): string => `unsupported: Cannot lease over fabric ${fabric}: ${reason}\n`
    assert.equal(stdout, sentence('local') + sentence('tcp'), stderr)
  })

  test('a function that never returns is ended with its executor, and the program goes on', () => {
    const { stdout, stderr } = run(
      program(`
        await using cluster = await local({ cores: 1, memoryMib: 1024 })
        const lease = await cluster.lease({ functions: new URL(${functions}) })
        using slot = lease.reserve(1)
        const spinning = lease.invoke('spin', slot).catch(({ code }) => console.log(code))
        await lease.release({ graceMs: 100 })
        await spinning`),
      HIDDEN,
    )
    assert.match(stdout, /^\w+\n$/, stderr)
  })
})
