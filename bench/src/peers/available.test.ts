import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { availablePeers } from './available.ts'
import { PEERS } from './catalog.ts'
import type { Peer } from './catalog.ts'

const net = PEERS.find(({ name }) => name === 'net')!
const named = (name: string, packages: string): Peer => ({ ...net, name, label: `the peer ${name}`, packages })

async function folder(dependencies: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'rfaas-bench-available-'))
  await writeFile(join(path, 'package.json'), JSON.stringify({ name: 'peer', private: true, dependencies }))
  const lock = { name: 'peer', lockfileVersion: 3, requires: true, packages: { '': { name: 'peer' } } }
  await writeFile(join(path, 'package-lock.json'), JSON.stringify(lock))
  return path
}

test('availablePeers leaves out by name what cannot be installed or does not run, and keeps the others', async (t) => {
  // The lock file of the first does not know what its package.json asks for, so npm refuses.
  const folders = [await folder({ 'not-in-the-lock-file': '1.0.0' }), await folder({})]
  t.after(() => Promise.all(folders.map((path) => rm(path, { recursive: true }))))
  const [uninstallable, unknown] = folders.map((path) => pathToFileURL(path).href) as [string, string]
  const said: string[] = []

  const { peers, leftOut } = await availablePeers(
    (what) => said.push(what),
    [named('uninstallable', uninstallable), net, named('unknown', unknown)],
  )
  assert.deepEqual(peers, [net])
  assert.equal(leftOut.length, 2)
  assert.match(
    leftOut[0]!,
    /^the peer uninstallable: Cannot install the packages of rfaas-bench-available-\w+: npm ci ended with 1: /,
  )
  assert.match(leftOut[1]!, /^the peer unknown: Error: There is no peer unknown$/)
  assert.equal(said.length, 3)
})
