import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { before, test } from 'node:test'
import { gone } from './gone.ts'
import { buildNative } from './native.ts'
import { nativeTrial, runTrial } from './trial.ts'

before(buildNative)

for (const floor of ['clock', 'cacheline', 'shm_copy', 'tcp_spin', 'ofi_pingpong']) {
  test(`${floor} gives one sample a trip`, async () => {
    const { samplesNs } = await runTrial(nativeTrial(floor, 64, 500, 100), 20_000)
    assert.equal(samplesNs.length, 500)
    assert.ok(samplesNs.every((ns) => ns > 0))
  })
}

test('ofi_pingpong says which provider is missing', async () => {
  await assert.rejects(runTrial(nativeTrial('ofi_pingpong', 64, 1, 0, 'nowhere'), 20_000), /nowhere: No data available/)
})

test('a floor whose client is killed leaves no server spinning', { timeout: 20_000 }, async () => {
  const { file, args } = nativeTrial('cacheline', 64, 100_000_000, 0)
  const client = spawn(file, args.map(String), { stdio: 'ignore' })
  await once(client, 'spawn')
  const server = await childOf(client.pid!)
  client.kill('SIGKILL')
  await once(client, 'exit')
  await gone(server)
})

async function childOf(pid: number): Promise<number> {
  for (;;) {
    const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim()
    if (children !== '') return Number(children.split(' ')[0])
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
