import { setImmediate as turn } from 'node:timers/promises'
import { MessageChannel, postMessageToThread, threadId, type MessagePort } from 'node:worker_threads'

import { FabricError } from '../errors.ts'
import { listenerOf } from './listener.ts'
import { endSide, type ThreadsMemory } from './memory.ts'
import type { Answer, Call } from './messages.ts'

/** What a connecting thread has of an accepted call. */
export interface Accepted {
  readonly memory: ThreadsMemory
  /** The accepting thread's guard has the other end: it closes when this thread closes it, or ends. */
  readonly ownLine: MessagePort
  /** The accepting thread has the other end: it closes when that thread ends. */
  readonly theirLine: MessagePort
}

/**
 * Node.js sends a message to a thread through the main thread, which may hear of a thread later than the one that knows
 * its address already. Each attempt gives the main thread a turn of its event loop.
 */
const ATTEMPTS = 3

/** An answer, or why there is none: the listener is not there, its thread is not known, or says nothing. */
type Outcome = Answer | { kind: 'absent' | 'unknown' | 'silent' }

/**
 * Calls a listener of this process and waits for its answer.
 *
 * @throws {FabricError} `unreachable`, `refused`, `system`
 */
export async function callListener(address: string, hello: Uint8Array, timeoutMs: number): Promise<Accepted> {
  const endMs = performance.now() + timeoutMs
  for (let attempt = 1; ; attempt++) {
    const { port1: ownLine, port2: line } = new MessageChannel()
    const outcome = await ask(address, hello, line, Math.max(0, endMs - performance.now()))
    if (outcome.kind === 'accepted') {
      ownLine.unref()
      return { memory: outcome.memory, ownLine, theirLine: outcome.line }
    }
    ownLine.close()
    if (outcome.kind !== 'unknown' || attempt === ATTEMPTS) throw failure(address, outcome, timeoutMs)
    await turn()
  }
}

async function ask(address: string, hello: Uint8Array, line: MessagePort, timeoutMs: number): Promise<Outcome> {
  const { port1: port, port2: reply } = new MessageChannel()
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const timer = setTimeout(() => resolve({ kind: 'silent' }), timeoutMs)
  let isOver = false
  port.on('message', (answer: Answer) => {
    resolve(answer)
    if (!isOver || answer.kind !== 'accepted') return
    // Too late: `connect` has rejected, and the connection will not be used.
    endSide(answer.memory, 0)
    answer.line.close()
  })
  // The listening thread ended before it answered.
  port.once('close', () => resolve({ kind: 'absent' }))
  // Not awaited: this settles when the other thread has handled the message, and never when it ends before.
  send(address, { rfaas: 'threads', address, hello, reply, line }).catch(() => resolve({ kind: 'unknown' }))
  const outcome = await promise
  isOver = true
  clearTimeout(timer)
  if (outcome.kind === 'silent') port.unref()
  else port.close()
  return outcome
}

async function send(address: string, call: Call): Promise<void> {
  const id = Number(/^threads-(\d+)-/.exec(address)?.[1] ?? NaN)
  if (Number.isNaN(id)) throw new Error('not an address of this fabric')
  if (id !== threadId) return postMessageToThread(id, call, [call.reply, call.line])
  const listener = listenerOf(address)
  if (listener === undefined) throw new Error('nobody listens')
  listener.hear(call)
}

function failure(address: string, outcome: Exclude<Outcome, { kind: 'accepted' }>, timeoutMs: number): FabricError {
  const action = `Cannot connect to ${address}`
  switch (outcome.kind) {
    case 'refused':
      return new FabricError('refused', `${action}: the secret or the geometry was not accepted`)
    case 'failed':
      return new FabricError('system', outcome.reason)
    case 'absent':
    case 'unknown':
      return new FabricError('unreachable', `${action}: no thread of this process listens there`)
    case 'silent':
      return new FabricError('unreachable', `${action}: no answer within ${timeoutMs} ms`)
  }
}
