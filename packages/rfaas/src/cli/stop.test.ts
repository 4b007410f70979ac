import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as elapse } from 'node:timers/promises'

interface Behaviour {
  /** When its start is done: `at once` or at a SIGUSR2. */
  starts?: 'at once' | 'at SIGUSR2'
  drains: 'at once' | 'never'
  drainMsMax?: number
}

/** A process that says `starting`, `ready`, at the first signal `stopping`, and `drained` at the end. */
async function startProcess({ starts = 'at once', drains, drainMsMax }: Behaviour) {
  const script = `
    import { serveUntilStopped } from ${JSON.stringify(new URL('./serve.ts', import.meta.url).href)}
    import { once } from 'node:events'
    const alive = setInterval(() => {}, 1e6)
    const never = new Promise(() => {})
    const service = {
      close: () => {
        console.log('stopping')
        return ${drains === 'never'} ? never : Promise.resolve()
      },
    }
    const start = async () => {
      const begun = once(process, 'SIGUSR2')
      console.log('starting')
      if (${starts === 'at SIGUSR2'}) await begun
      return service
    }
    await serveUntilStopped(start, () => console.log('ready'), ${drainMsMax})
    clearInterval(alive)
    console.log('drained')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  let output = ''
  const said = async (word: string): Promise<void> => {
    while (!output.includes(word)) output += String((await once(child.stdout, 'data'))[0])
  }
  await said(starts === 'at once' ? 'ready' : 'starting')
  return { child, exited, said }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`serveUntilStopped drains at ${signal} and ends with 0`, async () => {
    const { child, exited, said } = await startProcess({ drains: 'at once' })
    child.kill(signal)
    await said('drained')
    assert.deepEqual(await exited, [0, null])
  })
}

test('serveUntilStopped ends at once with 130 at a second Ctrl-C, but not when npm passes the first one on', async () => {
  const { child, exited, said } = await startProcess({ drains: 'never' })
  child.kill('SIGINT')
  await said('stopping')
  child.kill('SIGINT')
  // The time between two key presses is what is tested here.
  await elapse(400)
  assert.equal(child.exitCode, null)
  child.kill('SIGINT')
  assert.deepEqual(await exited, [130, null])
})

test('serveUntilStopped drains what still started when the signal came', async () => {
  const { child, exited, said } = await startProcess({ starts: 'at SIGUSR2', drains: 'at once' })
  child.kill('SIGINT')
  child.kill('SIGUSR2')
  await said('drained')
  assert.deepEqual(await exited, [0, null])
})

test('serveUntilStopped gives up when draining takes too long', async () => {
  const { child, exited, said } = await startProcess({ drains: 'never', drainMsMax: 20 })
  child.kill('SIGTERM')
  await said('stopping')
  assert.deepEqual(await exited, [1, null])
})
