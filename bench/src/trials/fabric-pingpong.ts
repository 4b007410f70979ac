// fabric-pingpong FABRIC PAYLOAD_BYTES TRIPS WARMUP: @rfaas/fabric alone, one JavaScript loop on each side.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { SECRET_BYTES, attach, openFabric } from '@rfaas/fabric'
import type { Connection, FabricName } from '@rfaas/fabric'
import { beginTrial, numberArgument, printSamples, timeTrips } from './samples.ts'

const POLLS_PER_LOOK = 1 << 16
const SECRET = new Uint8Array(SECRET_BYTES).fill(7)

beginTrial()
const fabric = openFabric(process.argv[2] as FabricName)
const payloadBytes = numberArgument(1, 'PAYLOAD_BYTES')
const shape = { secret: SECRET, outboundBytes: payloadBytes, inboundBytes: payloadBytes, depth: 16 }

/**
 * Spins until an immediate comes. Checks the connection's state now and then, so that neither side outlives the other.
 */
function awaitImmediate(connection: Connection): number {
  for (;;) {
    for (let polls = 0; polls < POLLS_PER_LOOK; polls++) {
      const immediate = connection.poll()
      if (immediate >= 0) return immediate
    }
    if (connection.state !== 'open') return -1
  }
}

function write(connection: Connection, immediate: number): void {
  if (!connection.write(0, payloadBytes, immediate)) throw new Error('The queue is full with one immediate on its way')
}

async function serve(): Promise<void> {
  const listener = await fabric.listen(shape)
  process.send!(listener.address)
  const connection = attach(await listener.accept())
  listener.close()
  for (let immediate; (immediate = awaitImmediate(connection)) >= 0;) write(connection, immediate)
  connection.close()
  process.disconnect()
}

async function measure(): Promise<void> {
  const server = fork(import.meta.filename, process.argv.slice(2), { env: { ...process.env, FABRIC_SIDE: 'server' } })
  const [address] = (await once(server, 'message')) as [string]
  const connection = await fabric.connect(address, shape)
  let count = 0
  const trip = (): void => {
    write(connection, count)
    if (awaitImmediate(connection) !== count++) throw new Error('The immediate is not the one that was sent')
  }
  printSamples(await timeTrips(trip, numberArgument(2, 'TRIPS'), numberArgument(3, 'WARMUP')))
  connection.close()
  await once(server, 'exit')
}

await (process.env.FABRIC_SIDE === 'server' ? serve() : measure())
