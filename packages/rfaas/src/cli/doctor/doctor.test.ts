import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { checksOf } from './checks.ts'
import { render } from './command.ts'
import { gatherFacts, memlockBytesIn } from './facts.ts'
import type { Facts, Finding } from './facts.ts'

const WORKS: Finding = { ok: true, reason: '' }
const FAILS: Finding = { ok: false, reason: 'not built' }

const GOOD: Facts = {
  nodeVersion: '24.1.0',
  addon: WORKS,
  bundler: { ...WORKS, version: '0.28.2' },
  fabrics: [
    { name: 'local', ...WORKS },
    { name: 'tcp', ...WORKS },
    { name: 'verbs', ...WORKS },
  ],
  libfabric: '1.17',
  rdmaDevices: [{ name: 'mlx5_0', link: 'ens1', address: '10.0.0.2', reason: '' }],
  shm: { totalBytes: 2 ** 30, freeBytes: 2 ** 29, rfaasNames: [] },
  memlockBytes: Infinity,
  cores: { usable: 8, present: 8 },
  memoryBytes: 16 * 2 ** 30,
}

const statusesOf = (facts: Facts): Record<string, string> =>
  Object.fromEntries(checksOf(facts).map((check) => [check.name, check.status]))

test('checksOf finds nothing to do on a machine that has all', () => {
  for (const check of checksOf(GOOD)) {
    assert.equal(check.status, 'ok', check.name)
    assert.equal(check.todo, '', check.name)
    assert.match(check.meaning, /\.$/)
  }
})

test('checksOf tells what is necessary from what is a limit', () => {
  const facts: Facts = {
    ...GOOD,
    fabrics: [
      { name: 'local', ...WORKS },
      { name: 'tcp', ...FAILS },
      { name: 'verbs', ...FAILS },
    ],
    libfabric: null,
    rdmaDevices: [{ name: 'mlx5_0', link: null, address: null, reason: 'its port is DOWN' }],
    shm: null,
    memlockBytes: 8 * 2 ** 20,
    cores: { usable: 1, present: 4 },
    memoryBytes: 2 ** 29,
  }
  const limits = ['libfabric', 'RDMA mlx5_0', 'fabric tcp', 'fabric verbs', '/dev/shm', 'memlock', 'cores', 'memory']
  for (const [name, status] of Object.entries(statusesOf(facts))) {
    assert.equal(status, limits.includes(name) ? 'note' : 'ok', name)
  }
  const missing: Partial<Facts>[] = [
    { nodeVersion: '22.9.0' },
    { addon: FAILS, fabrics: [] },
    { bundler: { ...FAILS, version: '' } },
    { fabrics: [{ name: 'local', ...FAILS }] },
  ]
  for (const change of missing) {
    assert.ok(Object.values(statusesOf({ ...GOOD, ...change })).includes('missing'), JSON.stringify(change))
  }
})

test('checksOf gives something to do for whatever is not ok', () => {
  const facts: Facts = {
    nodeVersion: '20.1.0',
    addon: FAILS,
    bundler: { ...FAILS, version: '' },
    fabrics: (['local', 'tcp', 'verbs'] as const).map((name) => ({ name, ...FAILS })),
    libfabric: null,
    rdmaDevices: [],
    shm: { totalBytes: 1, freeBytes: 1, rfaasNames: ['rfaas-1'] },
    memlockBytes: 0,
    cores: { usable: 1, present: 1 },
    memoryBytes: 1,
  }
  for (const check of checksOf(facts)) {
    assert.notEqual(check.status, 'ok', check.name)
    assert.notEqual(check.todo, '', check.name)
  }
})

test('what is missing for RDMA is said as what it is: the build of an addon, or libfabric', () => {
  const libfabricIn = (libfabric: string | null) =>
    checksOf({ ...GOOD, libfabric }).find(({ name }) => name === 'libfabric')!
  const unbuilt = libfabricIn('not built')
  assert.equal(unbuilt.status, 'note')
  assert.equal(unbuilt.todo, 'For RDMA: npx rfaas-build-native')
  const absent = libfabricIn(null)
  assert.match(absent.meaning, /^Only RDMA needs it/)
  assert.match(absent.todo, /^For RDMA, .*libfabric1/)
})

test('render puts what to do under what it is for, and ends with a sentence', () => {
  const text = stripVTControlCharacters(render(checksOf({ ...GOOD, nodeVersion: '20.1.0' })))
  assert.match(text, /^MISSING  Node\.js .* 20\.1\.0 +rfaas needs 24 or newer\.\n +→ Install Node\.js 24/)
  assert.match(text, /\nThis machine cannot run rfaas yet; missing: Node\.js\.\n$/)
  assert.match(render(checksOf(GOOD)), /\nThis machine can run rfaas\.\n$/)
})

test('memlockBytesIn reads the soft limit', () => {
  const line = (soft: string): string =>
    `Limit  Soft Limit\nMax locked memory         ${soft}              8388608              bytes\n`
  assert.equal(memlockBytesIn(line('65536')), 65_536)
  assert.equal(memlockBytesIn(line('unlimited')), Infinity)
  assert.equal(memlockBytesIn(''), 0)
})

test('gatherFacts looks at this machine', async () => {
  const facts = await gatherFacts()
  assert.equal(facts.nodeVersion, process.versions.node)
  assert.ok(facts.cores.usable >= 1 && facts.cores.usable <= facts.cores.present)
  assert.ok(facts.memoryBytes > 0)
  assert.deepEqual(facts.bundler.ok, true)
  assert.deepEqual(facts.addon.ok, true, facts.addon.reason)
  assert.equal(facts.fabrics.length, 3)
  for (const { name, ok, reason } of facts.fabrics) assert.ok(ok || name === 'verbs', reason)
})
