/** A program that is over but for a lease is told so, once, on standard error; one that works or waits is not. */
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'

import { Scene, type Started } from '../harness/scene.ts'
import { UserFolder } from '../user-folder.ts'

/** Longer than until a warning. */
const WAIT_MS = 15_000

const HEAD = `import { createServer } from 'node:net'
import { connect, local } from 'rfaas'
export const square = (x) => x * x
export const never = () => new Promise(() => {})
if (import.meta.main) {
`
const CONNECT = 'const cluster = await connect(process.argv[2])'
const LOCAL = 'const cluster = await local({ cores: 1, pool: 0 })'
const LEASE = 'const lease = await cluster.lease({ functions: import.meta.url })\nawait lease.call.square(3)'
const WAIT = `setTimeout(() => { console.log('waited'); process.exit() }, ${WAIT_MS})`

describe('a program that is over but for what it has not released', { concurrency: true, timeout: 110_000 }, () => {
  let scene: Scene
  let user: UserFolder
  let manager: Started

  before(async () => {
    scene = new Scene()
    user = new UserFolder()
    manager = await scene.manager()
    for (const name of ['node-1', 'node-2', 'node-3']) await scene.node(manager.url, name)
  })
  after(async () => {
    user[Symbol.dispose]()
    await scene[Symbol.asyncDispose]()
  })

  const start = (name: string, ...lines: string[]) => {
    const path = user.write(name, `${HEAD}${lines.join('\n')}\n}`)
    return spawn(process.execPath, [path, manager.url], { cwd: user.path, env: user.env, stdio: ['ignore', 'pipe', 'pipe'] })
  } // prettier-ignore

  for (const [name, place, ...lines] of [
    ['Lease lease-\\w+', 7, LOCAL, LEASE],
    ['The cluster of local\\(\\)', 6, LOCAL],
    ['Lease lease-\\w+', 7, CONNECT, LEASE],
  ] as const) {
    test(`is told of it: ${lines.join('; ').replaceAll('\n', '; ')}`, async () => {
      const file = `told-${lines.length}-${lines[0] === LOCAL}.mjs`
      const child = start(file, ...lines)
      const exited = once(child, 'close')
      const stdout = text(child.stdout)
      const [line] = (await once(createInterface({ input: child.stderr }), 'line')) as [string]
      assert.match(
        line,
        new RegExp(`\\[RFAAS_NOT_RELEASED\\] RfaasWarning: ${name}, made at /.*/${file}:${place}:\\d+, `),
      )
      child.kill('SIGKILL')
      await exited
      assert.equal(await stdout, '')
    })
  }

  for (const [what, ...lines] of [
    ['with a server', `createServer().listen(0, '127.0.0.1')`, `${WAIT}.unref()`],
    ['with a timer', WAIT],
    ['that waits for a signal', `process.on('SIGTERM', () => lease.release())`, `${WAIT}.unref()`],
    ['that waits for the end of its lease', `void lease.closed.then(() => {})`, `${WAIT}.unref()`],
    ['with a call under way', `void lease.call.never()`, `${WAIT}.unref()`],
  ] as const) {
    test(`is another program than one ${what}, which is told nothing`, async () => {
      const child = start(`${what.replaceAll(' ', '-')}.mjs`, CONNECT, LEASE, ...lines)
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
      assert.deepEqual([stdout, stderr], ['waited\n', ''])
    })
  }
})
