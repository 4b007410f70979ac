import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import type { Connection, Geometry } from '../fabric.ts'
import { attach } from '../index.ts'
import { mirrored } from '../geometry.ts'
import { listen, SECRET, SMALL, type Harness } from './harness.ts'
import { KILLED, type PeerRole, type PeerSpec } from './peer-spec.ts'
import { peerProgram } from './programs.ts'

export interface Peer extends AsyncDisposable {
  /** Our end of the first connection. */
  readonly end: Connection
  readonly ends: Connection[]
  /** Kills it: the process by SIGKILL, the thread by terminating it. */
  kill(): void
  /** Resolves with the exit code, or with 'SIGKILL' when it was killed or has killed itself. */
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

export interface StartedPeer {
  kill(): void
  readonly exited: Promise<number | string>
  /** Resolves with its next message. */
  says(): Promise<unknown>
}

/** Starts the peer program where the other ends of this fabric live. */
export function launchPeer({ peers }: Harness, spec: PeerSpec): StartedPeer {
  if (peers === 'threads') {
    const worker = new Worker(peerProgram, { workerData: spec })
    return {
      kill: () => void worker.terminate(),
      exited: once(worker, 'exit').then(([code]) => (code === KILLED ? 'SIGKILL' : (code as number))),
      says: async () => (await once(worker, 'message'))[0] as unknown,
    }
  }
  const process = fork(peerProgram, [JSON.stringify(spec)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return {
    kill: () => void process.kill('SIGKILL'),
    exited: once(process, 'exit').then(([code, signal]) => (code ?? signal) as number | string),
    says: async () => (await once(process, 'message'))[0] as unknown,
  }
}

/** Starts the peer program, connected to us; killed and waited for at the end of the scope. */
export async function startPeer(harness: Harness, does: PeerRole, options: PeerOptions = {}): Promise<Peer> {
  const { geometry = SMALL, connections = 1 } = options
  const hosts = harness.hosts ?? { near: '127.0.0.1', far: '127.0.0.1' }
  const spec = { fabric: harness.fabric.name, host: hosts.far, geometry: mirrored(geometry), connections, does }
  const listener = options.listens === 'peer' ? null : await listen(harness, mirrored(geometry))
  const { kill, exited, says } = launchPeer(harness, { ...spec, address: listener?.address ?? null })
  const early = exited.then((reason) => assert.fail(`the peer ended before it was connected: ${reason}`))
  early.catch(() => undefined)
  try {
    const ends: Connection[] = []
    if (listener === null) {
      const told = (await Promise.race([says(), early])) as { address: string }
      while (ends.length < connections) {
        ends.push(await harness.fabric.connect(told.address, { ...geometry, secret: SECRET }))
      }
    } else {
      while (ends.length < connections) ends.push(attach(await Promise.race([listener.accept(), early])))
    }
    return {
      end: ends[0]!,
      ends,
      kill,
      exited,
      async [Symbol.asyncDispose]() {
        for (const end of ends) end.close()
        kill()
        await exited
      },
    }
  } catch (error) {
    kill()
    throw error
  } finally {
    listener?.close()
  }
}
