import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { OUTPUT_QUEUE_BYTES_MAX } from './limits.ts'
import { OutputQueue, outputLine } from './output-queue.ts'

const line = (text: string) => outputLine(text, 1, 1, 0)

describe('OutputQueue', () => {
  it('gives what has come, as it comes, until it is closed', async () => {
    const queue = new OutputQueue()
    const batches = queue.read(new AbortController().signal)
    queue.push(line('one'))
    queue.push(line('two'))
    assert.deepEqual((await batches.next()).value, { lines: [line('one'), line('two')], dropped: 0 })
    const next = batches.next()
    queue.push(line('three'))
    queue.close()
    assert.deepEqual((await next).value, { lines: [line('three')], dropped: 0 })
    assert.equal((await batches.next()).done, true)
  })

  it('drops the oldest lines beyond its bound, and counts them', async () => {
    const queue = new OutputQueue()
    const texts = Array.from({ length: 100 }, (_, n) => `${n} `.padEnd(Math.ceil(OUTPUT_QUEUE_BYTES_MAX / 60)))
    for (const text of texts) queue.push(line(text))
    queue.close()
    const [batch] = await Array.fromAsync(queue.read(new AbortController().signal))
    assert.ok(batch!.dropped > 0)
    assert.deepEqual(batch!.lines.map(({ text }) => text), texts.slice(batch!.dropped)) // prettier-ignore
  })

  it('ends for a reader that has gone', async () => {
    const queue = new OutputQueue()
    const reader = new AbortController()
    const next = queue.read(reader.signal).next()
    reader.abort()
    assert.equal((await next).done, true)
  })
})

describe('outputLine', () => {
  it('takes the worker from the line where there are several', () => {
    assert.deepEqual(outputLine('[worker 1] hello', 2, 2, 7), { worker: 1, stream: 2, text: 'hello', unixMs: 7 })
    assert.equal(outputLine('[worker 9] hello', 1, 2, 0).worker, null)
    assert.deepEqual(outputLine('[worker 1] mine', 1, 1, 0), {
      worker: 0,
      stream: 1,
      text: '[worker 1] mine',
      unixMs: 0,
    })
  })
})
