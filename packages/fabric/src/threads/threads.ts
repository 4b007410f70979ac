import { randomUUID } from 'node:crypto'
import { MessageChannel, postMessageToThread, threadId, type MessagePort } from 'node:worker_threads'

import { FabricError } from '../errors.ts'
import type { Connection, ConnectOptions, Fabric, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry, connectTimeoutMs, shapeOf } from '../geometry.ts'
import { encodeHello } from '../sockets/handshake.ts'
import { guardOfThread, guardSide, watchChildren } from './guard.ts'
import { attachThreads, openThreads } from './handle.ts'
import { listenerOf, ThreadsListener, type Answer, type Call } from './listener.ts'
import { endSide } from './memory.ts'

/**
 * Memory that the threads of one process share, in plain JavaScript. The address names a listener of this process.
 *
 * A connection that was accepted can be attached by the accepting thread, or by a thread that this one has started after
 * it opened the fabric: the end of any other thread is not noticed.
 */
export class ThreadsFabric implements Fabric {
  readonly name = 'threads'

  constructor() {
    watchChildren()
  }

  async listen(options: ListenOptions): Promise<Listener> {
    checkGeometry(options)
    await guardOfThread()
    return new ThreadsListener(`threads-${threadId}-${randomUUID()}`, options)
  }

  async connect(address: string, options: ConnectOptions): Promise<Connection> {
    checkGeometry(options)
    const timeoutMs = connectTimeoutMs(options)
    await guardOfThread()
    const { port1: line, port2: theirLine } = new MessageChannel()
    const answer = await call(address, encodeHello(options), theirLine, timeoutMs).catch((error: unknown) => {
      line.close()
      throw error
    })
    // Held by this thread until the connection is closed: it closes when this thread ends.
    line.unref()
    const { memory, line: guarded } = answer
    await guardSide(guarded, memory, 1)
    return attachThreads(openThreads(shapeOf(options), 0, memory), () => line.close())
  }
}

/** Calls a listener and waits for its answer. @throws {FabricError} `unreachable`, `refused`, `system` */
async function call(
  address: string,
  hello: Uint8Array,
  line: MessagePort,
  timeoutMs: number,
): Promise<Extract<Answer, { kind: 'accepted' }>> {
  const { port1: port, port2: reply } = new MessageChannel()
  const answered = Promise.withResolvers<Answer>()
  const timer = setTimeout(() => answered.resolve({ kind: 'silent' }), timeoutMs)
  let isOver = false
  port.on('message', (answer: Answer) => {
    // An answer that comes too late: the memory must not wait for us.
    if (isOver && answer.kind === 'accepted') endSide(answer.memory, 0)
    answered.resolve(answer)
  })
  const asked: Call = { rfaas: 'threads', address, hello, reply, line }
  try {
    await send(address, asked)
  } catch {
    answered.resolve({ kind: 'absent' })
  }
  const answer = await answered.promise
  isOver = true
  clearTimeout(timer)
  if (answer.kind === 'silent') port.unref()
  else port.close()
  switch (answer.kind) {
    case 'accepted':
      return answer
    case 'refused':
      throw new FabricError('refused', `Cannot connect to ${address}: the secret or the geometry was not accepted`)
    case 'failed':
      throw new FabricError('system', answer.reason)
    case 'absent':
      throw new FabricError('unreachable', `Cannot connect to ${address}: no thread of this process listens there`)
    case 'silent':
      throw new FabricError('unreachable', `Cannot connect to ${address}: no answer within ${timeoutMs} ms`)
  }
}

async function send(address: string, asked: Call): Promise<void> {
  const id = Number(/^threads-(\d+)-/.exec(address)?.[1] ?? NaN)
  if (Number.isNaN(id)) throw new Error('not an address of this fabric')
  if (id !== threadId) return postMessageToThread(id, asked, [asked.reply, asked.line])
  const listener = listenerOf(address)
  if (listener === undefined) throw new Error('nobody listens')
  listener.hear(asked)
}
