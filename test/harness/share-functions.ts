import { threadId } from 'node:worker_threads'
import { shared } from 'rfaas/functions'

/* Functions that read shared data. */

export const at = (name: string, index: number): number => shared<Float64Array>(name)[index]!

/** Which worker, the kind and length of the data, and its sum. */
export function look(name: string): { thread: number; kind: string; length: number; sum: number } {
  const data = shared<Float64Array>(name)
  return { thread: threadId, kind: data.constructor.name, length: data.length, sum: data.reduce((a, b) => a + b, 0) }
}

export const whole = (name: string): ArrayBufferView => shared(name)

/** What no function should do. */
export function write(name: string, index: number, value: number): void {
  shared<Float64Array>(name)[index] = value
}
