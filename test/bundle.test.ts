/** The functions that run on a node are those of the caller's source, with all that it imports, as it is now. */
import { strict as assert } from 'node:assert'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'

import { embedded } from './harness/embedded.ts'

describe('the bundle of a lease', () => {
  const here = embedded()

  const write = (name: string, text: string): string => {
    const path = join(here.scene.folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }
  /** What the node keeps: one file a bundle. */
  const kept = (): string[] =>
    readdirSync(join(here.scene.folder, 'bundles')).filter((name) => /^[0-9a-f]{64}/.test(name))

  test('brings the files, the JSON and the packages that the module imports', async () => {
    write('shop/node_modules/rounding/package.json', '{ "name": "rounding", "main": "index.js" }')
    write('shop/node_modules/rounding/index.js', 'exports.round = (n) => require("node:util").format("%i", n)')
    write('shop/prices.json', '{ "apple": 1.5 }')
    write('shop/total.ts', 'export const total = (price: number, count: number): number => price * count')
    const functions = write(
      'shop/shop.ts',
      `import { round } from 'rounding'
       import prices from './prices.json' with { type: 'json' }
       import { total } from './total.ts'
       export const bill = (count: number): string => round(total(prices.apple, count))`,
    )
    await using lease = await here.cluster.lease({ functions })
    assert.equal(await lease.call['bill']!(5), '7')
  })

  test('is that of the source as it is at the time of the lease', async () => {
    const functions = write('version.ts', 'export const version = () => 1')
    await using first = await here.cluster.lease({ functions })
    write('version.ts', 'export const version = () => 2\nexport const more = () => 0')
    await using second = await here.cluster.lease({ functions })
    assert.deepEqual([await first.call['version']!(), await second.call['version']!()], [1, 2])
    assert.deepEqual([first.functions, second.functions], [['version'], ['more', 'version']])
  })

  test('is kept by the node once, however many leases use it and however the file is named', async () => {
    const functions = write('once.ts', 'export const once = () => true')
    const before = kept().length
    await using one = await here.cluster.lease({ functions })
    await using two = await here.cluster.lease({ functions: new URL(`file://${functions}`) })
    assert.ok((await one.call['once']!()) && (await two.call['once']!()))
    assert.equal(kept().length, before + 1)
  })

  test('is loaded once by every worker: the state of the module is that of one worker and one lease', async () => {
    const functions = write('count.ts', 'let calls = 0\nexport const count = () => ++calls')
    await using lease = await here.cluster.lease({ functions })
    await using other = await here.cluster.lease({ functions })
    assert.deepEqual([await lease.call['count']!(), await lease.call['count']!()], [1, 2])
    assert.equal(await other.call['count']!(), 1)
  })
})
