import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { gone } from '../harness/gone.ts'
import { processors } from '../harness/placement.ts'
import { PEERS } from './catalog.ts'
import { install } from './install.ts'
import { peerTrial } from './placement.ts'
import { startServer } from './server-process.ts'

const CORE = processors()[0]!

test('startServer gives the line that the server wrote, and ends it', async () => {
  const server = await startServer(['sh', '-c', 'echo 8080 >&3; exec sleep 1000'], CORE)
  assert.equal(server.ready, '8080')
  await server.end()
  await server.end()
})

test('startServer of a server that does not listen says how it ended', async () => {
  await assert.rejects(startServer(['sh', '-c', 'exit 7'], CORE), /Cannot start sh -c exit 7: it ended with 7/)
})

for (const name of ['net', 'workerd']) {
  test(`a trial of ${name} that is killed leaves no server`, { timeout: 60_000 }, async (t) => {
    const peer = PEERS.find((one) => one.name === name)!
    const reason = peer.packages && (await install(peer.packages))
    if (reason !== null) return t.skip(reason)
    const { file, args } = peerTrial(peer, 'oneCore', 64, 1, { trips: 1e9, warmupMs: 3_600_000, budgetMs: 0 })
    const trial = spawn(file, args.map(String), { stdio: 'ignore' })
    await once(trial, 'spawn')
    const server = await childOf(trial.pid!)
    trial.kill('SIGKILL')
    await once(trial, 'exit')
    await gone(server)
  })
}

/** The first child that has become what it was started for. */
async function childOf(pid: number): Promise<number> {
  for (;;) {
    const child = Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ')[0])
    const command = child > 0 ? await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '') : ''
    if (/server\.ts|workerd/.test(command) && !/^(setpriv|sh|taskset)/.test(command)) return child
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
