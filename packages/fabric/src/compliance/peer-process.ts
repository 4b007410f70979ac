import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

import type { Connection, Geometry } from '../fabric.ts'
import { attach } from '../index.ts'
import { mirrored } from '../geometry.ts'
import { listen, SECRET, SMALL, type Harness } from './harness.ts'
import type { PeerRole, PeerSpec } from './peer-spec.ts'
import { peerProgram } from './programs.ts'

export interface Peer extends AsyncDisposable {
  /** Our end of the first connection. */
  readonly end: Connection
  readonly ends: Connection[]
  readonly process: ChildProcess
  /** Resolves with the exit code, or with the signal that ended the process. */
  readonly exited: Promise<number | string>
}

export interface PeerOptions {
  /** As we see it. Default SMALL. */
  geometry?: Geometry
  /** Default 1. */
  connections?: number
  /** Which side listens. Default: we do. */
  listens?: 'we' | 'peer'
}

function start(spec: PeerSpec): { process: ChildProcess; exited: Promise<number | string> } {
  const process = fork(peerProgram, [JSON.stringify(spec)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(process, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  return { process, exited }
}

/** Starts the peer program in a process of its own, connected to us; killed and waited for at the end of the scope. */
export async function startPeer(harness: Harness, does: PeerRole, options: PeerOptions = {}): Promise<Peer> {
  const { geometry = SMALL, connections = 1 } = options
  const hosts = harness.hosts ?? { near: '127.0.0.1', far: '127.0.0.1' }
  const spec = { fabric: harness.fabric.name, host: hosts.far, geometry: mirrored(geometry), connections, does }
  const listener = options.listens === 'peer' ? null : await listen(harness, mirrored(geometry))
  const { process, exited } = start({ ...spec, address: listener?.address ?? null })
  const early = exited.then((reason) => assert.fail(`the peer ended before it was connected: ${reason}`))
  early.catch(() => undefined)
  try {
    const ends: Connection[] = []
    if (listener === null) {
      const [told] = (await Promise.race([once(process, 'message'), early])) as [{ address: string }]
      while (ends.length < connections) {
        ends.push(await harness.fabric.connect(told.address, { ...geometry, secret: SECRET }))
      }
    } else {
      while (ends.length < connections) ends.push(attach(await Promise.race([listener.accept(), early])))
    }
    return {
      end: ends[0]!,
      ends,
      process,
      exited,
      async [Symbol.asyncDispose]() {
        for (const end of ends) end.close()
        process.kill('SIGKILL')
        await exited
      },
    }
  } catch (error) {
    process.kill('SIGKILL')
    throw error
  } finally {
    listener?.close()
  }
}
