import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, existsSync, readlinkSync } from 'node:fs'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { raw } from 'rfaas/functions'

/* Functions that the system tests invoke. */

export interface Greeting {
  readonly text: string
  readonly at: Date
}

export const add = (a: number, b: number): number => a + b

export const double = (n: number): number => 2 * n

export function greet(name: string, options: { loud?: boolean } = {}): Greeting {
  return { text: options.loud ? name.toUpperCase() : name, at: new Date(0) }
}

export async function later<T>(ms: number, value: T): Promise<T> {
  await delay(ms)
  return value
}

/** Runs until the file `gate` exists. */
export async function whileShut<T>(gate: string, value: T): Promise<T> {
  while (!existsSync(gate)) await delay(5)
  return value
}

/** Keeps its worker busy until the file `gate` exists. */
export function blockWhileShut(gate: string): void {
  const never = new Int32Array(new SharedArrayBuffer(4))
  while (!existsSync(gate)) Atomics.wait(never, 0, 0, 2)
}

let met = 0
let allMet = Promise.withResolvers<void>()

/** Resolves when this many invocations of it are under way at this worker. */
export async function meet(count: number): Promise<void> {
  const { promise, resolve } = allMet
  if (++met === count) {
    met = 0
    allMet = Promise.withResolvers()
    resolve()
  }
  await promise
}

let remembered: unknown = null

/** Keeps a value at this worker; returns the worker's thread. */
export function remember(value: unknown): number {
  remembered = value
  return threadId
}

/** What this worker remembers, and its thread. */
export const recall = (): [value: unknown, threadId: number] => [remembered, threadId]

export const echo = raw((input, output) => {
  output.set(input)
  return input.length
})

/** Every bit inverted, so that a copy of the input cannot pass. Whole words only. */
export const invert = raw((input, output) => {
  const from = new Uint32Array(input.buffer, input.byteOffset, input.length / 4)
  const to = new Uint32Array(output.buffer, output.byteOffset, input.length / 4)
  for (let i = 0; i < from.length; i++) to[i] = ~from[i]!
  return input.length
})

export const invertLater = raw(async (input, output) => {
  await null
  for (let i = 0; i < input.length; i++) output[i] = ~input[i]!
  return input.length
})

/** Throws when the first byte is set. */
export const refuse = raw((input) => {
  if (input[0]) throw new RangeError('the first byte is set')
  return input.length
})

/** The first byte is the number of turns of the event loop that the invocation takes. */
export const invertAfterTurns = raw(async (input, output) => {
  for (let turns = input[0]!; turns > 0; turns--) await setImmediate()
  for (let i = 0; i < input.length; i++) output[i] = ~input[i]!
  return input.length
})

/** Never returns. */
export const spin = raw(() => {
  for (;;);
})

/** Keeps the core busy; its first four bytes are the duration in milliseconds. */
export const computeInPlace = raw((input) => {
  compute(new DataView(input.buffer, input.byteOffset).getUint32(0, true))
  return 0
})

/** Never settles: for invocations that are in flight when something is lost. */
export const never = (): Promise<never> => new Promise(() => {})

export const whoAmI = (): { pid: number; threadId: number } => ({ pid: process.pid, threadId })

/** The worker's thread as a `/proc` path: `PID/task/TID`. */
export const thread = (): string => readlinkSync('/proc/thread-self')

/** Tells which worker ran it; slow enough for the other workers to get their turn. */
export async function whoRan(index: number): Promise<{ index: number; threadId: number }> {
  await delay(5)
  return { index, threadId }
}

export function fail(message: string): never {
  throw new RangeError(message) // fail throws here
}

export async function failLater(message: string): Promise<never> {
  await null
  throw new RangeError(message) // failLater throws here
}

export const text = (length: number): string => 'x'.repeat(length)

let mostTogether = 0
const crowded: (() => void)[] = []

/**
 * Ends a moment after `size` of these run at once on this worker, so that more would be seen. Returns the largest number
 * that have run at once so far.
 */
export async function crowd(size: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  mostTogether = Math.max(
    mostTogether,
    crowded.push(() => resolve(undefined)),
  )
  if (crowded.length === size) {
    await delay(10)
    for (const end of crowded.splice(0)) end()
  }
  await promise
  return mostTogether
}

/** Keeps the core busy. */
export function compute(ms: number): void {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
}

export async function computeLater(ms: number): Promise<void> {
  await delay(1)
  compute(ms)
}

export function say(line: string): string {
  console.log(line)
  console.error(line)
  process.stdout.write(`${line}\n`)
  return line
}

export function exit(code: number): void {
  process.exit(code)
}

/** Throws later, outside of any invocation. */
export function breakSoon(reason: string): void {
  setTimeout(() => {
    throw new Error(reason) // breakSoon throws here
  })
}

export function rejectSoon(reason: string): void {
  void Promise.reject(new Error(reason))
}

let ticks = 0

/** Starts a timer of the module. */
export function tick(everyMs: number): void {
  setInterval(() => ticks++, everyMs)
}

export const ticked = (): number => ticks

/** The ticks so far, in the first four bytes. */
export const tickedInPlace = raw((_input, output) => {
  new DataView(output.buffer, output.byteOffset).setUint32(0, ticks, true)
  return 4
})

/** Writes a line to a file, which stays when the processes are killed. */
export function note(path: string, line: string): string {
  appendFileSync(path, `${line}\n`)
  return line
}

/** Never returns; creates the file `begun` when it begins. */
export function computeForever(begun: string): never {
  appendFileSync(begun, '')
  for (;;);
}

/** As {@link computeForever}, but in native code, where neither a terminated thread nor process.exit ends it. */
export function blockForever(begun: string): void {
  appendFileSync(begun, '')
  execFileSync('sleep', ['1000'])
}

/** Starts a process in its own session, and returns its pid. */
export function detach(): number {
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
  child.unref()
  return child.pid!
}
