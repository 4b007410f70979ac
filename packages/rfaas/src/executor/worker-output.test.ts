import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe, it } from 'node:test'

import { WORKER_OUTPUT_BYTES_MAX } from './limits.ts'
import type { OutputStream } from './output-stream.ts'
import { WorkerOutput } from './worker-output.ts'

class Taken {
  readonly pending: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(4))
  readonly sent: [OutputStream, string][] = []
  readonly output: WorkerOutput = new WorkerOutput(this.pending, (stream, bytes) => {
    this.sent.push([stream, Buffer.from(bytes).toString()])
  })

  write(text: string, stream: OutputStream = 1): void {
    this.output.write(stream, Buffer.from(text))
  }
}

describe('WorkerOutput', () => {
  it('sends at once, also what was written before the last write was done', () => {
    const { output, sent, pending } = new Taken()
    const own = new Writable({ decodeStrings: false, write: () => assert.fail() })
    output.redirect(2, own)
    own.cork()
    own.write('é')
    own.write('b\n')
    own.uncork()
    own.write(Buffer.from('c'))
    assert.deepEqual(sent, [
      [2, 'é'],
      [2, 'b\n'],
      [2, 'c'],
    ])
    assert.equal(pending[0], 5)
  })

  it('sends whole lines, with the number of the worker, where there are several', () => {
    const taken = new Taken()
    taken.output.label(3, 4)
    for (const text of ['a\nb', 'c\n', '\n', 'd']) taken.write(text)
    taken.write('e\n', 2)
    assert.deepEqual(
      taken.sent.map(([, text]) => text),
      ['[worker 3] a\n', '[worker 3] bc\n', '[worker 3] \n', '[worker 3] e\n'],
    )
    taken.output.flush()
    assert.equal(taken.sent.at(-1)![1], '[worker 3] d\n')
    taken.output.flush()
    assert.equal(taken.sent.length, 5)
    taken.write('x'.repeat(20_000))
    assert.equal(taken.sent.at(-1)![1], `[worker 3] ${'x'.repeat(20_000)}\n`)
    taken.output.label(0, 1)
    taken.write('f\n', 2)
    assert.equal(taken.sent.at(-1)![1], 'f\n')
  })

  it('drops what is beyond its bound until what was sent is taken, and says how much', () => {
    const taken = new Taken()
    taken.write('x'.repeat(WORKER_OUTPUT_BYTES_MAX))
    taken.write('lost')
    taken.write('lost, too')
    assert.deepEqual([taken.sent.length, taken.pending[0]], [1, WORKER_OUTPUT_BYTES_MAX])
    Atomics.store(taken.pending, 0, 0)
    taken.write('\nafter\n')
    assert.equal(taken.sent[1]![1], '[13 bytes of output were dropped]\n\nafter\n')
    assert.equal(taken.pending[0], Buffer.byteLength(taken.sent[1]![1]))
  })
})
