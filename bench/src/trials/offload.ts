// offload FABRIC MEASURE_MS: functions of 0.7 ms with 393 KB in and 64 KB out, on two workers with three under way each,
// from a client with one thread. FABRIC `none` runs them without offloading, in a process for each of two cores; `socket`
// moves the same bytes over plain sockets, to two processes that run the same function.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { Rate, ratePerSecond, WARMUP_MS } from './rate.ts'
import { beginTrial, numberArgument, printValue } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import * as work from './work.ts'

const WORKERS = 2
const UNDER_WAY_PER_WORKER = 3
const INPUT_BYTES = 393_216
const OUTPUT_BYTES = 65_536

beginTrial()
const fabric = process.argv[2]!
const measureMs = numberArgument(1, 'MEASURE_MS')
const { OFFLOAD_CHILD } = process.env

/** Prints the rate, and what one call costs the client, from the warming up on. */
async function measure(call: (lane: number) => Promise<void>): Promise<void> {
  let calls = 0
  const lane = (_: unknown, index: number) => async (rate: Rate) => {
    for (; !rate.isOver; rate.done()) {
      await call(index)
      calls++
    }
  }
  const before = process.cpuUsage()
  const lanes = Array.from({ length: WORKERS * UNDER_WAY_PER_WORKER }, lane)
  printValue('callsPerSecond', await ratePerSecond(lanes, WARMUP_MS, measureMs))
  const { user, system } = process.cpuUsage(before)
  printValue('cpuUsPerCall', (user + system) / calls)
}

async function leased(): Promise<void> {
  await using workers = await leaseWorkers<typeof work>({
    functions: new URL('work.ts', import.meta.url),
    fabric,
    cores: WORKERS,
    slots: UNDER_WAY_PER_WORKER,
    payloadBytesMax: INPUT_BYTES,
  })
  const { lease } = workers
  const input = new Uint8Array(INPUT_BYTES)
  await measure(async () => {
    const output = await lease.call.shrink(input)
    if (output.length !== OUTPUT_BYTES) throw new Error(`The result has ${output.length} bytes`)
  })
}

/** Runs the function in this process. */
function alone(): number {
  const input = new Uint8Array(INPUT_BYTES)
  const output = new Uint8Array(INPUT_BYTES)
  const rate = new Rate(WARMUP_MS, measureMs)
  for (; !rate.isOver; rate.done()) void work.shrink(input, output)
  return rate.perSecond
}

function startChild() {
  return fork(import.meta.filename, process.argv.slice(2), { env: { ...process.env, OFFLOAD_CHILD: 'yes' } })
}

async function onAllCores(): Promise<void> {
  const children = Array.from({ length: WORKERS }, startChild)
  const rates = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0] as number))
  printValue(
    'callsPerSecond',
    rates.reduce((sum, rate) => sum + rate, 0),
  )
}

/** Answers every INPUT_BYTES with OUTPUT_BYTES, after the same computation. */
function serve(): void {
  const input = new Uint8Array(INPUT_BYTES)
  const output = new Uint8Array(INPUT_BYTES)
  const server = createServer((socket) => {
    onEvery(socket, INPUT_BYTES, () => {
      void work.shrink(input, output)
      socket.write(output.subarray(0, OUTPUT_BYTES))
    })
    socket.once('close', () => {
      server.close()
      process.disconnect()
    })
  })
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as { port: number }).port))
}

function onEvery(socket: Socket, bytes: number, then: () => void): void {
  let read = 0
  socket.on('data', (chunk) => {
    for (read += chunk.length; read >= bytes; read -= bytes) then()
  })
}

async function overSockets(): Promise<void> {
  const input = new Uint8Array(INPUT_BYTES)
  const sockets = await Promise.all(
    Array.from({ length: WORKERS }, startChild).map(async (child) => {
      const [port] = (await once(child, 'message')) as [number]
      const socket = connect(port, '127.0.0.1').setNoDelay()
      await once(socket, 'connect')
      const answers: (() => void)[] = []
      onEvery(socket, OUTPUT_BYTES, () => answers.shift()!())
      return { socket, answers }
    }),
  )
  await measure(async (lane) => {
    const { socket, answers } = sockets[lane % WORKERS]!
    await new Promise<void>((resolve) => {
      answers.push(resolve)
      socket.write(input)
    })
  })
  for (const { socket } of sockets) socket.destroy()
}

if (OFFLOAD_CHILD === 'yes') {
  if (fabric === 'socket') serve()
  else process.send!(alone(), () => process.disconnect())
} else if (fabric === 'none') await onAllCores()
else if (fabric === 'socket') await overSockets()
else await leased()
