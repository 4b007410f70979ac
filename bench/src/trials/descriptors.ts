// descriptors FABRIC CONNECTIONS: how many descriptors a further connection of a thread takes on each side, by CONNECTIONS
// of them. `near` connects, `far` is a process that accepts, as an executor: it also watches its peers. All are armed.
import { attach, openFabric, watchPeer } from '@rfaas/fabric'
import type { Connection } from '@rfaas/fabric'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { beginTrial, numberArgument, printValue } from './samples.ts'

const OPTIONS = { outboundBytes: 4096, inboundBytes: 4096, depth: 4, secret: new Uint8Array(32).fill(7) }
const { DESCRIPTORS_FAR } = process.env

beginTrial()
const fabric = openFabric(process.argv[2] as 'local' | 'tcp')
const connections = numberArgument(1, 'CONNECTIONS')
const ends: Connection[] = []

function add(end: Connection): void {
  ends.push(end)
  if (!end.arm()) throw new Error('A new connection has something to poll')
}

/** Opens the first, which opens what a thread opens once, and then the others. Returns descriptors per connection. */
async function openAll(open: () => Promise<Connection>): Promise<number> {
  add(await open())
  const before = readdirSync('/proc/self/fd').length
  for (let count = 0; count < connections; count++) add(await open())
  return (readdirSync('/proc/self/fd').length - before) / connections
}

if (DESCRIPTORS_FAR === undefined) {
  const far = fork(import.meta.filename, process.argv.slice(2), { env: { ...process.env, DESCRIPTORS_FAR: '1' } })
  const [address] = (await once(far, 'message')) as [string]
  const said = once(far, 'message')
  printValue('near', await openAll(() => fabric.connect(address, OPTIONS)))
  printValue('far', ((await said) as [number])[0])
  far.disconnect()
} else {
  const listener = await fabric.listen(OPTIONS)
  process.send!(listener.address)
  process.send!(
    await openAll(async () => {
      const handle = await listener.accept()
      watchPeer(handle, () => {})
      return attach(handle)
    }),
  )
  await once(process, 'disconnect')
  listener.close()
}
for (const end of ends) end.close()
