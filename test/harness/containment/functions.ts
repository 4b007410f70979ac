/* Functions that misbehave, one for each row of the table in docs/functions.md. */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'

/** Says that a function has begun. */
const say = (begun: string | undefined): void => {
  if (begun !== undefined) writeFileSync(begun, '')
}

const never = (): Promise<never> => new Promise(() => {})

export const whoAmI = (): string => `${process.pid} ${threadId}`

/** Runs until the file `gate` exists; returns its worker. */
export async function whileShut(gate: string): Promise<string> {
  while (!existsSync(gate)) await delay(5)
  return whoAmI()
}

export function loopForever(begun?: string): never {
  say(begun)
  for (;;);
}

export function matchForever(begun?: string): boolean {
  say(begun)
  return /^(a+)+$/.test(`${'a'.repeat(40)}b`)
}

export const exit = (): never => process.exit(7)

export const abort = (): never => process.abort()

/** What a segmentation fault in native code does to the process. */
export async function fault(): Promise<never> {
  process.kill(process.pid, 'SIGSEGV')
  return never()
}

export function fillHeap(): never {
  const kept: unknown[] = []
  for (;;) kept.push(Array.from({ length: 1000 }, () => ({})))
}

export function neverSettle(begun?: string): Promise<never> {
  say(begun)
  return never()
}

export function rejectAside(): Promise<never> {
  void Promise.reject(new RangeError('nobody handled it'))
  return never()
}

export function throwInTimer(): Promise<never> {
  setTimeout(() => {
    throw new RangeError('nobody caught it')
  })
  return never()
}

export const large = (bytes: number): Uint8Array => new Uint8Array(bytes)

export function leaveTimers(): void {
  for (let n = 0; n < 10_000; n++) setInterval(() => {}, 1 + (n % 100))
}

/** Blocks the event loop in native code that notices the end of its thread. */
export function blockLoop(begun?: string): string {
  say(begun)
  return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** Blocks in native code that does not. */
export function blockNative(begun?: string): Buffer {
  say(begun)
  return execFileSync('sleep', ['1000'])
}

export function closeOutput(): void {
  process.stdout.destroy()
  process.stderr.end()
  console.log('after the end')
  console.error('after the end')
}

export const changeFolder = (): void => process.chdir('/')

export function changeGlobals(): void {
  const broken = (): never => {
    throw new RangeError('changed')
  }
  Object.assign(globalThis, {
    performance: null,
    setTimeout: null,
    structuredClone: null,
    TextDecoder: null,
    Buffer: null,
  })
  for (const method of ['push', 'shift', 'map', 'filter'] as const) Array.prototype[method] = broken
  Reflect.set(Promise.prototype, 'then', broken)
}
