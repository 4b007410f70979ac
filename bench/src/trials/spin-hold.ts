// spin-hold FABRIC WORKERS SPIN_US PASSES: how long a pass in vain holds the event loop. Something is under way on every
// worker, and every pass may spin. A sample is one pass: from the end of the code that awaits something from all of
// them until other code can run.
import { attach, openFabric } from '@rfaas/fabric'
import type { Connection, FabricName } from '@rfaas/fabric'
import { Channel } from '../../../packages/rfaas/src/client/calls/channel.ts'
import { Progress } from '../../../packages/rfaas/src/client/calls/progress.ts'
import { Spinner } from '../../../packages/rfaas/src/client/calls/spinner.ts'
import { geometryOf, slotLayout } from '../../../packages/rfaas/src/protocol/slots.ts'
import { beginTrial, numberArgument, printSamples } from './samples.ts'

beginTrial()
const fabric = openFabric(process.argv[2] as FabricName)
const workers = numberArgument(1, 'WORKERS')
const spinUs = numberArgument(2, 'SPIN_US')
const passes = numberArgument(3, 'PASSES')
/** Enough that the code is compiled, and that the passes know what arming takes. */
const WARMUP_PASSES = 500

const layout = slotLayout(1, 64)
const shape = { ...geometryOf(layout), secret: new Uint8Array(32) }
const progress = new Progress()
const spinner = new Spinner(spinUs / 1000)
const silent: Connection[] = []
const channels: Channel[] = []
const listener = await fabric.listen(shape)
for (let worker = 0; worker < workers; worker++) {
  const connecting = fabric.connect(listener.address, shape)
  silent.push(attach(await listener.accept()))
  const channel = new Channel(await connecting, layout, 'The worker')
  channels.push(channel)
  progress.add(channel, spinner)
  const waiter = { settled: () => {}, failed: () => {}, lost: () => {}, takeBack: () => false }
  channel.invoke({ name: 'never', index: 0, raw: true }, channel.take(), 0, waiter)
}

/** The pass runs between the two microtasks. */
async function holdNs(): Promise<number> {
  let beganNs = 0n
  let endedNs = 0n
  spinner.paidOff()
  const before = Promise.resolve().then(() => (beganNs = process.hrtime.bigint()))
  for (const channel of channels) progress.expect(channel)
  const after = Promise.resolve().then(() => (endedNs = process.hrtime.bigint()))
  await before
  await after
  return Number(endedNs - beganNs)
}

const samplesNs = new Float64Array(WARMUP_PASSES + passes)
for (let pass = 0; pass < samplesNs.length; pass++) {
  await new Promise((resolve) => setImmediate(resolve))
  samplesNs[pass] = await holdNs()
}
printSamples(samplesNs.subarray(WARMUP_PASSES))
process.exit()
