/** One of two threads that race: plays what it is told on its end of a connection, step by step. */
import './race-loads.ts'

import { parentPort, workerData } from 'node:worker_threads'

import type { Connection, ConnectionHandle } from '../fabric.ts'
import { attach, interrupt, openFabric } from '../index.ts'
import { PATIENCE_MS, SECRET } from './harness.ts'
import type { Move, Told } from './race.ts'
import { Steps } from './race-steps.ts'

const steps = new Steps((workerData as { line: Int32Array }).line)
const port = parentPort!

let end: Connection
let peerHandle: ConnectionHandle | undefined

/** Waits on the event loop, armed, for the next call of onReady. */
async function armed(): Promise<string> {
  const called = Promise.withResolvers<string>()
  end.onReady = () => called.resolve('ready')
  if (!end.arm()) return 'ready'
  const timer = setTimeout(() => called.resolve('nobody woke it'), PATIENCE_MS)
  return called.promise.finally(() => clearTimeout(timer))
}

/**
 * Makes the end report when it leaves its thread to the event loop, even when an earlier event has woken it for
 * nothing.
 */
function stepped(connection: Connection): Connection {
  const arm = connection.arm.bind(connection)
  connection.arm = () => {
    const isArmed = arm()
    if (isArmed) steps.leaveToLoop()
    return isArmed
  }
  return connection
}

async function play(move: Move): Promise<string> {
  switch (move) {
    case 'write':
      return end.write(0, 16, 7) ? 'written' : 'full'
    case 'wait':
      return end.wait(PATIENCE_MS)
    case 'arm':
      return armed()
    case 'poll':
      return String(end.poll())
    case 'take':
      return `interrupted: ${end.takeInterrupt()}`
    case 'state':
      return end.state
    case 'interrupt':
      interrupt(peerHandle!)
      return 'interrupted it'
    case 'close':
      end.close()
      return 'closed'
  }
}

async function obey(told: Told): Promise<string[]> {
  switch (told.kind) {
    case 'connect':
      end = stepped(await openFabric(told.fabric).connect(told.address, { ...told.geometry, secret: SECRET }))
      return []
    case 'attach':
      end = stepped(attach(told.handle))
      return []
    case 'peer':
      peerHandle = told.handle
      return []
    case 'close':
      end.close()
      return []
    case 'race': {
      const said: string[] = []
      steps.begin()
      for (const move of told.moves) said.push(await play(move))
      steps.end()
      if (steps.timeouts > 0) said.push('slept until it looked up by itself')
      return said
    }
  }
}

port.on('message', (told: Told) => void obey(told).then((said) => port.postMessage(said)))
port.postMessage([])
