/** What functions print is seen: at the node with its lease and worker, with local() on the program's standard error. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Cluster, OutputLine } from 'rfaas'

import { FABRICS } from './harness/fabrics.ts'
import { Scene } from './harness/scene.ts'
import { becomes } from './harness/waiting.ts'

const MODULE = `
import { writeSync } from 'node:fs'
console.log('loaded')
export function say(text) {
  console.log(text)
  console.error('%s again', text)
  process.stdout.write('with')
  process.stdout.write('out end\\n')
}
export function flood(lines) {
  const line = 'x'.repeat(1023)
  for (let n = 0; n < lines; n++) console.log(line)
  return lines
}
export function exits(text) {
  console.log(text)
  process.exit(3)
}
export const direct = () => writeSync(2, 'written to the descriptor\\n')
`

interface Functions {
  say: (text: string) => void
  flood: (lines: number) => number
  direct: () => void
  exits: (text: string) => void
}

interface Line {
  leaseId: string
  line: string
}

describe('the output of functions', () => {
  let scene: Scene
  let cluster: Cluster
  let functions: string
  const lines: Line[] = []
  const onEvent = (event: unknown): void => {
    if ((event as { kind: string }).kind === 'output') lines.push(event as Line)
  }
  const linesOf = (id: string): string[] => lines.filter(({ leaseId }) => leaseId === id).map(({ line }) => line)

  before(async () => {
    subscribe('rfaas.executor-manager', onEvent)
    scene = new Scene()
    functions = join(scene.folder, 'printing.mjs')
    writeFileSync(functions, MODULE)
    cluster = await scene.embedded({ manager: { heartbeatIntervalMs: 50 } })
  })
  after(async () => {
    unsubscribe('rfaas.executor-manager', onEvent)
    await scene[Symbol.asyncDispose]()
  })

  test('comes to the node while its function runs on, line by line and in order', async () => {
    await using lease = await cluster.lease<Functions>({ functions })
    const { id } = lease
    await lease.call.say('one')
    await lease.call.direct()
    await lease.call.say('two')
    await becomes(8, () => linesOf(id).length)
    const ofStream = (pattern: RegExp): string[] => linesOf(id).filter((line) => pattern.test(line))
    assert.deepEqual(ofStream(/^(loaded|one|two|without end)$/), ['loaded', 'one', 'without end', 'two', 'without end'])
    assert.deepEqual(ofStream(/again|descriptor/).sort(), ['one again', 'two again', 'written to the descriptor'])
  })

  test('names the worker where there are several', async () => {
    await using lease = await cluster.lease<Functions>({ functions, cores: 2, memoryMib: 1024 })
    await Promise.all(Array.from({ length: 16 }, () => lease.call.say('hello')))
    await becomes(true, () => [0, 1].every((n) => linesOf(lease.id).includes(`[worker ${n}] loaded`)))
    assert.deepEqual(
      linesOf(lease.id).filter((line) => !/^\[worker [01]\] \S/.test(line)),
      [],
    )
  })

  test('neither holds up a worker nor grows: what is too much is left out, and the rest goes on', async () => {
    const lease = await cluster.lease<Functions>({ functions })
    assert.equal(await lease.call.flood(20_000), 20_000)
    await lease.call.say('after it')
    await lease.release()
    const told = linesOf(lease.id)
    assert.ok(told.length < 20_000, `${told.length}`)
    assert.ok(
      told.some((line) => /^\[\d+ bytes of output were (dropped|left out)\]$/.test(line)),
      told.at(-1),
    )
  })

  for (const fabric of FABRICS) {
    test(`over ${fabric}: comes to a client that asks, from loading the module to the end of the lease`, async () => {
      const got: OutputLine[] = []
      const output = (line: OutputLine): void => void got.push(line)
      const lease = await cluster.lease<Functions>({ functions, fabric, cores: 2, memoryMib: 1024, output })
      const { id } = lease
      await lease.each.say('hello')
      // Nothing waits for the last lines but the end of the lease.
      await lease.release()
      for (const worker of [0, 1]) {
        const texts = (stream: string): string[] => {
          return got.filter((line) => line.worker === worker && line.stream === stream).map(({ text }) => text)
        }
        assert.deepEqual(texts('stdout'), ['loaded', 'hello', 'without end'])
        assert.deepEqual(texts('stderr'), ['hello again'])
      }
      assert.equal(got.length, 8)
      assert.ok(got.every(({ partId, dropped, time }) => partId === id && dropped === 0 && time instanceof Date))
    })
  }

  test('what is printed just before a worker ends, and by the one that takes its place, comes before the end of the lease', async () => {
    const got: string[] = []
    const lease = await cluster.lease<Functions>({ functions, output: ({ text }) => got.push(text) })
    await assert.rejects(lease.call.exits('the last words'))
    await lease.call.say('the next')
    await lease.release()
    assert.ok(got.includes('the last words') && got.includes('the next'), got.join())
  })

  test('goes to standard error of a program with local()', () => {
    const program = `import { local } from 'rfaas'
      await using cluster = await local({ cores: 1 })
      await using lease = await cluster.lease({ functions: ${JSON.stringify(functions)} })
      await lease.call.say('hello')`
    const args = ['--input-type=module', '-e', program]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: import.meta.dirname })
    assert.deepEqual([status, stdout], [0, ''])
    assert.deepEqual(stderr.trimEnd().split('\n').sort(), ['hello', 'hello again', 'loaded', 'without end'])
  })

  test('goes where the program prints, with `inherit`, and nowhere else', () => {
    const program = `import { local } from 'rfaas'
      await using cluster = await local({ cores: 1 })
      await using lease = await cluster.lease({ functions: ${JSON.stringify(functions)}, output: 'inherit' })
      await lease.call.say('hello')`
    const args = ['--input-type=module', '-e', program]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: import.meta.dirname })
    assert.deepEqual([status, stdout, stderr], [0, 'loaded\nhello\nwithout end\n', 'hello again\n'])
  })
})
