import { once } from 'node:events'
import { watch } from 'node:fs'
import { join } from 'node:path'

import { temporaryFolder } from './folders.ts'
import { runGuest, type GuestEnd, type GuestOptions } from './guest.ts'
import type { Image } from './image.ts'

const GUEST = { cores: 1, memoryMib: 1536, limitMs: 9 * 60_000 }

/** The host of manager and node, and the host of the client. */
const HOSTS = [
  { address: '10.78.0.1', program: 'server' },
  { address: '10.78.0.2', program: 'client' },
] as const

/**
 * Runs two guests with one cable between them, each a host: manager and node on one, the client on the other.
 *
 * @returns the exit code
 */
export async function runTwoHosts(
  image: Image,
  checkout: Pick<GuestOptions, 'checkout' | 'compiled'>,
  say: (line: string) => void,
): Promise<number> {
  using folder = temporaryFolder('cable')
  const path = join(folder.path, 'cable')
  const over = new AbortController()
  const start = async ({ address, program }: (typeof HOSTS)[number], role: string): Promise<GuestEnd> => {
    const end = await runGuest(image, {
      ...GUEST,
      ...checkout,
      command: `export RFAAS_TEST_PATIENCE=6\nexec node test/rdma/two-hosts/${program}.js ${HOSTS[0].address}`,
      network: { address, options: `stream,id=wire,${role},addr.type=unix,addr.path=${path}` },
      signal: over.signal,
      say: (line) => say(`${program}: ${line}`),
    })
    // Otherwise the other guest would wait until its time limit.
    if (end.exitCode !== 0) over.abort()
    return end
  }
  const cable = watch(folder.path)
  const laid = once(cable, 'change')
  const first = start(HOSTS[0], 'server=on')
  await Promise.race([laid, first])
  cable.close()
  const ends = await Promise.all([first, start(HOSTS[1], 'server=off')])
  for (const [index, { exitCode, reason }] of ends.entries()) {
    if (exitCode === null) say(`rdma: ${HOSTS[index]!.program}: ${reason}`)
  }
  return ends.every(({ exitCode }) => exitCode === 0) ? 0 : 1
}
