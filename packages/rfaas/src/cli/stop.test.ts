import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as elapse } from 'node:timers/promises'

/** A process that says `ready`, then `stopping` at the first signal; it ends by itself only with `drains`. */
async function startProcess(drains: boolean) {
  const script = `
    import { serveUntilStopped } from ${JSON.stringify(new URL('./serve.ts', import.meta.url).href)}
    const alive = setInterval(() => {}, 1e6)
    await serveUntilStopped(
      async () => ({ close: () => {
        console.log('stopping')
        return ${drains ? 'Promise.resolve()' : 'new Promise(() => {})'}
      } }),
      () => console.log('ready'),
    )
    clearInterval(alive)
    console.log('drained')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  let output = ''
  const said = async (word: string): Promise<void> => {
    while (!output.includes(word)) output += String((await once(child.stdout, 'data'))[0])
  }
  await said('ready')
  return { child, exited, said }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`serveUntilStopped drains at ${signal} and ends with 0`, async () => {
    const { child, exited, said } = await startProcess(true)
    child.kill(signal)
    await said('drained')
    assert.deepEqual(await exited, [0, null])
  })
}

test('serveUntilStopped ends at once with 130 at a second Ctrl-C, but not when npm passes the first one on', async () => {
  const { child, exited, said } = await startProcess(false)
  child.kill('SIGINT')
  await said('stopping')
  child.kill('SIGINT')
  // The time between two key presses is what is tested here.
  await elapse(400)
  assert.equal(child.exitCode, null)
  child.kill('SIGINT')
  assert.deepEqual(await exited, [130, null])
})
