import { MessageChannel, type MessagePort } from 'node:worker_threads'

import { AcceptQueue } from '../accept-queue.ts'
import type { FabricError } from '../errors.ts'
import type { ConnectionHandle, ListenOptions, Listener } from '../fabric.ts'
import { acceptsHello } from '../sockets/handshake.ts'
import { guardSide, watchAttaching } from './guard.ts'
import { openThreads, type ThreadsHandle } from './handle.ts'
import { allocate, endSide, type ThreadsMemory } from './memory.ts'
import type { Answer, Call } from './messages.ts'

/** The longest delay that a timer accepts. */
const FOR_EVER_MS = 2 ** 31 - 1

/** The listeners of this thread, by address. */
const listeners = new Map<string, ThreadsListener>()

export function listenerOf(address: string): ThreadsListener | undefined {
  return listeners.get(address)
}

/** Hears what other threads say to this one; anything but a Call is not for us. */
function hearThreads(value: unknown): void {
  const call = value as Partial<Call> | null
  if (typeof call !== 'object' || call === null || call.rfaas !== 'threads') return
  const { address, reply } = call as Call
  const listener = listeners.get(address)
  if (listener === undefined) return answer(reply, { kind: 'absent' })
  listener.hear(call as Call)
}

function answer(reply: MessagePort, said: Answer, transfer: MessagePort[] = []): void {
  reply.postMessage(said, transfer)
  // What was posted before is delivered.
  reply.close()
}

export class ThreadsListener implements Listener {
  readonly address: string
  readonly #options: ListenOptions
  readonly #queue = new AcceptQueue<ThreadsHandle>()
  readonly #alive = setInterval(() => {}, FOR_EVER_MS)
  #closed = false

  /** The thread's guard must be there. */
  constructor(address: string, options: ListenOptions) {
    this.address = address
    this.#options = options
    if (listeners.size === 0) process.on('workerMessage', hearThreads)
    listeners.set(address, this)
  }

  hear({ hello, reply, line }: Call): void {
    const options = this.#options
    if (!acceptsHello(hello, options)) return answer(reply, { kind: 'refused' })
    let memory: ThreadsMemory
    try {
      memory = allocate(options, 1)
    } catch (error) {
      return answer(reply, { kind: 'failed', reason: (error as FabricError).message.replace(/^system: /, '') })
    }
    // Without a guard, the end of the connecting thread would not be noticed.
    guardSide(line, memory, 0).catch(() => endSide(memory, 0))
    const { port1: own, port2: theirs } = new MessageChannel()
    // Nothing is sent over it: it closes when this thread ends, or when the connecting side forgets its other end.
    own.unref()
    const handle = openThreads(options, 1, memory)
    watchAttaching(handle)
    answer(reply, { kind: 'accepted', memory, line: theirs }, [theirs])
    this.#queue.offer(handle)
  }

  accept(): Promise<ConnectionHandle> {
    return this.#queue.take()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#alive)
    listeners.delete(this.address)
    if (listeners.size === 0) process.off('workerMessage', hearThreads)
    for (const { memory, side } of this.#queue.close()) endSide(memory, side)
  }
}
