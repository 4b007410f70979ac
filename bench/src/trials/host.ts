import { fork } from 'node:child_process'
import { on, once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A resource manager and a node in a process of their own (cold-host.ts), which ends with the block. */
export interface Host extends AsyncDisposable {
  readonly url: string
  /** Executors that are ready now. */
  readonly ready: number
  /** Resolves when the pool is full. */
  refilled(): Promise<void>
}

/** Returns as soon as the node can be reached: then it fills its pool. */
export async function startHost(pool: number): Promise<Host> {
  const file = fileURLToPath(new URL('cold-host.ts', import.meta.url))
  const child = fork(file, [`${pool}`], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  let ready = 0
  child.on('message', (message: { ready?: number }) => (ready = message.ready ?? ready))
  let url = ''
  for await (const [message] of on(child, 'message', { close: ['exit'] }) as AsyncIterable<[{ url?: string }]>) {
    if (message.url === undefined) continue
    url = message.url
    break
  }
  if (url === '') throw new Error('The host has ended')
  return {
    url,
    get ready() {
      return ready
    },
    refilled: async () => {
      while (ready < pool) await once(child, 'message')
    },
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}
