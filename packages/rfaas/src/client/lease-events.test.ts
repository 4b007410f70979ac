import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { LeaseListeners } from './lease-events.ts'

const renewed = { partId: 'lease-1', nodeId: 'a', expires: new Date(0) }

test('LeaseListeners tells all who listen to the name, until they are disposed', () => {
  const listeners = new LeaseListeners()
  const heard: string[] = []
  const twice = (): void => void heard.push('twice')
  const first = listeners.add('renewed', ({ partId }) => heard.push(partId))
  listeners.add('renewed', twice)
  const second = listeners.add('renewed', twice)
  listeners.add('partLost', () => heard.push('another'))
  listeners.tell('renewed', renewed)
  assert.deepEqual(heard.splice(0), ['lease-1', 'twice', 'twice'])
  first[Symbol.dispose]()
  second[Symbol.dispose]()
  second[Symbol.dispose]()
  listeners.tell('renewed', renewed)
  assert.deepEqual(heard, ['twice'])
})

test('what a listener throws is an uncaught exception, and the others are told', async () => {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData).then(({ LeaseListeners }) => {
      const listeners = new LeaseListeners()
      listeners.add('renewed', () => { throw new Error('from a listener') })
      listeners.add('renewed', () => parentPort.postMessage('told'))
      listeners.tell('renewed', {})
    })`
  const worker = new Worker(source, { eval: true, workerData: new URL('./lease-events.ts', import.meta.url).href })
  // Not `once` of node:events, which rejects when the error comes before the message.
  const heard = (event: string): Promise<unknown> => new Promise((resolve) => worker.once(event, resolve))
  const [error, told] = await Promise.all([heard('error'), heard('message')])
  assert.equal((error as Error).message, 'from a listener')
  assert.equal(told, 'told')
})
