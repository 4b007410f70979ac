import { randomUUID } from 'node:crypto'
import { threadId } from 'node:worker_threads'

import type { Connection, ConnectOptions, Fabric, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry, connectTimeoutMs, shapeOf } from '../geometry.ts'
import { encodeHello } from '../sockets/handshake.ts'
import { callListener } from './call.ts'
import { guardOfThread, guardSide, watchChildren } from './guard.ts'
import { attachThreads, openThreads } from './handle.ts'
import { ThreadsListener } from './listener.ts'

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
    const { memory, ownLine, theirLine } = await callListener(address, encodeHello(options), timeoutMs)
    const forget = await guardSide(theirLine, memory, 1)
    return attachThreads(openThreads(shapeOf(options), 0, memory), () => {
      ownLine.close()
      forget()
    })
  }
}
