import { existsSync, writeFileSync } from 'node:fs'
import { rawWithContext, withContext, type Context } from 'rfaas/functions'

/* Functions that want their context. */

/** What the context says, after one line of output. */
export const tell = withContext(async (line: string, context: Context) => {
  context.log('said %s', line)
  await null
  const { id, worker, workers, deadline, signal } = context
  return { id, worker, workers, leftMs: deadline && deadline - Date.now(), aborted: signal.aborted }
})

/** Never ends by itself; when its signal fires, it writes the reason's name to the file. */
export const waitForever = withContext(async (begun: string, path: string, { signal }: Context) => {
  writeFileSync(begun, '')
  const reason = await new Promise<Error>((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason as Error))
  })
  writeFileSync(path, `${reason.name}: ${reason.message}`)
  throw reason
})

/** Never ends by itself. */
export const waitInPlace = rawWithContext(async (_input, _output, { signal }) => {
  await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  return 0
})

export const blockUntil = (begun: string, gate: string): void => {
  const never = new Int32Array(new SharedArrayBuffer(4))
  writeFileSync(begun, '')
  while (!existsSync(gate)) Atomics.wait(never, 0, 0, 2)
}

export const touch = (path: string): void => writeFileSync(path, '')

export const size = rawWithContext((input, output, context) => {
  output[0] = input.length
  output[1] = context.workers
  return 2
})

const times = new Map<number, number>()
const count = (id: number): number => {
  const now = (times.get(id) ?? 0) + 1
  times.set(id, now)
  return now
}

/** How many times this worker was called with this id. */
export const seen = (id: number): number => count(id)

/** As {@link seen}, after some turns of the event loop, or sooner when the caller gives up. */
export const seenLater = withContext(async (id: number, turns: number, { signal }: Context) => {
  const now = count(id)
  for (let left = turns; left > 0 && !signal.aborted; left--) await new Promise(setImmediate)
  return now
})

/** The most times that this worker was called with the same id. */
export const mostSeen = (): number => Math.max(...times.values())
