import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RfaasProcess } from './rfaas-process.ts'

const never = new AbortController().signal

function startManager(signal: AbortSignal = never, ...args: string[]): Promise<RfaasProcess> {
  return RfaasProcess.start('The manager', ['manager', '--port', '0', ...args], 'manager_unreachable', signal)
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('RfaasProcess starts, says where it can be reached, and stops, also twice', async () => {
  const manager = await startManager()
  assert.match(manager.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.ok(isThere(manager.pid))
  await manager.stop(5_000)
  assert.ok(!isThere(manager.pid))
  await manager.stop(5_000)
})

test('RfaasProcess tells at once that its process was killed, and stop does not hide it', async () => {
  const manager = await startManager()
  process.kill(manager.pid, 'SIGKILL')
  const error = await manager.lost
  assert.equal(error.code, 'manager_unreachable')
  assert.match(error.message, new RegExp(`The manager \\(process ${manager.pid}\\) was killed by SIGKILL$`))
  await assert.rejects(manager.stop(5_000), error)
})

test('RfaasProcess says why a process ended before it was ready', async () => {
  await assert.rejects(startManager(never, '--host', 'nowhere.invalid'), {
    code: 'manager_unreachable',
    message: /The manager \(process \d+\) ended with exit code \d+: .*nowhere\.invalid/,
  })
})

test('RfaasProcess gives up its start with the reason of the signal', async () => {
  const controller = new AbortController()
  const starting = startManager(controller.signal)
  const reason = new Error('enough')
  controller.abort(reason)
  await assert.rejects(starting, reason)
  await assert.rejects(startManager(controller.signal), reason)
})
