import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import { code } from '../compliance/connecting.ts'
import { SECRET, SMALL } from '../compliance/harness.ts'
import { attach, openFabric } from '../index.ts'

const OPTIONS = { ...SMALL, secret: SECRET }
const index = JSON.stringify(new URL('../index.ts', import.meta.url).href)

/** The program of a thread that listens over `threads` and then runs `body`. */
const programOf = (body: string): { program: string; execArgv: string[] } => ({
  program: `import { parentPort, workerData } from 'node:worker_threads'
    import { openFabric } from ${index}
    const options = { ...${JSON.stringify(SMALL)}, secret: new Uint8Array([${SECRET.join()}]) }
    const listener = await openFabric('threads').listen(options)
    ${body}`,
  execArgv: ['--input-type=module'],
})

function startListening(body: string): Worker {
  const { program, execArgv } = programOf(body)
  return new Worker(program, { eval: true, execArgv })
}

it('threads: needs no addon, and says of an address of another process that nobody listens there', async () => {
  const fabric = openFabric('threads')
  for (const address of ['threads-999999-x', 'threads-0-x', '127.0.0.1:80']) {
    await assert.rejects(fabric.connect(address, OPTIONS), {
      code: 'unreachable',
      message: /no thread of this process listens there$/,
    })
  }
})

it('connect: a thread that does not answer in time is unreachable, whether it computes or says nothing', async () => {
  const computing = 'parentPort.postMessage(listener.address); for (;;) {}'
  const silent = `process.removeAllListeners('workerMessage').on('workerMessage', () => {})
    parentPort.postMessage(listener.address)`
  for (const body of [computing, silent]) {
    const thread = startListening(body)
    const [address] = (await once(thread, 'message')) as [string]
    const connecting = openFabric('threads').connect(address, { ...OPTIONS, timeoutMs: 100 })
    await assert.rejects(connecting, { code: 'unreachable', message: /no answer within 100 ms$/ })
    await thread.terminate()
  }
})

it('connect: is refused at once when the listening thread ends before it answers', async () => {
  const thread = startListening(`
    process.removeAllListeners('workerMessage').on('workerMessage', () => process.exit())
    parentPort.postMessage(listener.address)`)
  const [address] = (await once(thread, 'message')) as [string]
  // The longest timeout there is: only the end of the thread can end this.
  const connecting = openFabric('threads').connect(address, { ...OPTIONS, timeoutMs: 2 ** 31 - 1 })
  await assert.rejects(connecting, code('unreachable'))
})

it('connect: reaches a thread of which the main thread has not heard yet', async () => {
  const fabric = openFabric('threads')
  // The guard of this thread starts here, not between the two moments below.
  ;(await fabric.listen(OPTIONS)).close()
  const text = new Uint8Array(new SharedArrayBuffer(256))
  const child = `const address = Buffer.from(listener.address)
    workerData.set(address, 1); Atomics.store(workerData, 0, address.length)`
  // The thread's own parent is not the main thread, which learns of it from a message, in its event loop.
  const parent = new Worker(
    `const { Worker, workerData } = require('node:worker_threads')
    new Worker(workerData.program, { eval: true, execArgv: workerData.execArgv, workerData: workerData.text })`,
    { eval: true, workerData: { text, ...programOf(child) } },
  )
  while (Atomics.load(text, 0) === 0) {
    // The event loop stands still.
  }
  const address = Buffer.from(text.slice(1, 1 + text[0]!)).toString()
  const near = await fabric.connect(address, OPTIONS)
  near.close()
  await parent.terminate()
})

it('threads: what other threads say to this one is left alone', async () => {
  const listener = await openFabric('threads').listen(OPTIONS)
  const program = `
    const { postMessageToThread } = require('node:worker_threads')
    void (async () => { for (const said of [null, 1, 'x', {}, { rfaas: 'other' }]) await postMessageToThread(0, said) })()`
  const talker = new Worker(program, { eval: true })
  assert.equal(await new Promise((resolve) => talker.once('exit', resolve)), 0)
  const near = await openFabric('threads').connect(listener.address, OPTIONS)
  const far = attach(await listener.accept())
  near.write(0, 0, 5)
  assert.equal(far.poll(), 5)
  for (const each of [near, far, listener]) each.close()
})

it('close: leaves no port behind, in the thread that connects nor in the one that listens', async () => {
  const open = new Set<number>()
  const hook = createHook({
    init: (id, type) => void (type === 'MESSAGEPORT' && open.add(id)),
    destroy: (id) => void open.delete(id),
  })
  const fabric = openFabric('threads')
  const listener = await fabric.listen(OPTIONS)
  hook.enable()
  for (let times = 0; times < 10; times++) {
    const near = await fabric.connect(listener.address, OPTIONS)
    const far = attach(await listener.accept())
    for (const end of times % 2 === 0 ? [near, far] : [far, near]) end.close()
  }
  // The guard closes the other end of one of them.
  while (open.size > 0) await turn()
  hook.disable()
  listener.close()
})
