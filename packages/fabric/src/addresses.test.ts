import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'

import { isNeighbour, linkAddresses, rdmaDevices } from './addresses.ts'

const LINKS = [
  { link: 'ens1', address: '10.1.0.7', cidr: '10.1.0.7/20' },
  { link: 'ib0', address: '192.168.9.2', cidr: '192.168.9.2/24' },
]

/** A folder as the kernel's, with these files. */
function sysfs(files: Record<string, string>): { folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'rfaas-rdma-devices-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

describe('rdmaDevices', () => {
  it('tells interface and address of a card on Ethernet, and of one on InfiniBand', () => {
    using files = sysfs({
      'mlx5_0/ports/1/state': '4: ACTIVE\n',
      'mlx5_0/ports/1/gid_attrs/ndevs/0': 'ens1\n',
      'mlx5_1/ports/1/state': '4: ACTIVE\n',
      'mlx5_1/device/net/ib0/mtu': '2044\n',
    })
    assert.deepEqual(rdmaDevices(files.folder, LINKS), [
      { name: 'mlx5_0', link: 'ens1', address: '10.1.0.7', reason: '' },
      { name: 'mlx5_1', link: 'ib0', address: '192.168.9.2', reason: '' },
    ])
  })

  it('says why a device is of no use', () => {
    using files = sysfs({
      'a/ports/1/state': '1: DOWN\n',
      'a/ports/1/gid_attrs/ndevs/0': 'ens1\n',
      'b/ports/1/state': '4: ACTIVE\n',
      'c/ports/1/state': '4: ACTIVE\n',
      'c/ports/1/gid_attrs/ndevs/0': 'ens7\n',
    })
    assert.deepEqual(
      rdmaDevices(files.folder, LINKS).map(({ reason }) => reason),
      ['its port is DOWN', 'it has no network interface', 'its interface ens7 has no IPv4 address'],
    )
  })

  it('finds none where there is none', () => {
    assert.deepEqual(rdmaDevices('/nowhere', LINKS), [])
  })
})

describe('isNeighbour', () => {
  it('goes by the prefix of the network', () => {
    assert.ok(isNeighbour('10.1.15.255', LINKS))
    assert.ok(!isNeighbour('10.1.16.0', LINKS))
    assert.ok(isNeighbour('192.168.9.200', LINKS))
    assert.ok(!isNeighbour('192.168.8.2', LINKS))
    assert.ok(!isNeighbour('::1', LINKS))
    assert.ok(!isNeighbour('200.1.1.1', []))
  })
})

describe('linkAddresses', () => {
  it('leaves loopback out', () => {
    assert.ok(linkAddresses().every(({ address, cidr }) => !address.startsWith('127.') && cidr.startsWith(address)))
  })
})
