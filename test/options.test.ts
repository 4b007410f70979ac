/** docs/options.md has every option of the client, with the default and the range that the code has. */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { LeaseOptions } from 'rfaas'

import { INVOKE_TIMEOUT_MS_MAX, RELEASE_GRACE_MS_DEFAULT } from '../packages/rfaas/src/client/limits.ts'
import { checkLeaseOptions } from '../packages/rfaas/src/client/leases/lease-options.ts'
import { KEEP_WARM_MS_DEFAULT, KEEP_WARM_MS_MAX, POOL_SIZE_MAX } from '../packages/rfaas/src/executor-manager/limits.ts'
import {
  LEASE_DURATION_MS_MAX,
  LEASE_DURATION_MS_MIN,
  NODE_CORES_MAX,
  RETRIEVAL_GRACE_MS_MAX,
} from '../packages/rfaas/src/lease/limits.ts'

const ROOT = join(import.meta.dirname, '..')
const CLIENT = 'packages/rfaas/src/client'

/** The rows of the table under a heading: the cells of each option, by its name. */
function rowsOf(heading: string): Map<string, string[]> {
  const page = readFileSync(join(ROOT, 'docs/options.md'), 'utf8')
  const section = page.split('\n## ').find((part) => part.startsWith(heading))
  assert.ok(section, heading)
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  return new Map(
    rows.map((row) => {
      const [name = '', ...cells] = row.slice(1, -1).split('|')
      return [name.trim().slice(1, -1), cells.map((cell) => cell.trim())]
    }),
  )
}

/** The names of the properties of an interface, as the sources declare it. */
function propertiesOf(path: string, name: string): string[] {
  const source = readFileSync(join(ROOT, path), 'utf8')
  const body = new RegExp(`^export interface ${name}[^{]*\\{\\n(.*?)^\\}`, 'ms').exec(source)?.[1] ?? ''
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, property]) => property!)
}

const shown = (value: number): string => value.toLocaleString('en-US')
const numberOf = (text: string): number => Number(text.replaceAll(',', ''))
/** The smallest and the largest number of a range. */
const rangeOf = (cell: string): [min: number, max: number] => {
  const [, min = '', max] = /^(?:from )?([\d,]+)(?: to ([\d,]+))?/.exec(cell) ?? []
  return [numberOf(min), max === undefined ? Infinity : numberOf(max)]
}

describe('docs/options.md', () => {
  for (const [heading, path, name] of [
    ['`cluster.lease(', `${CLIENT}/types.ts`, 'LeaseOptions'],
    ['`local(', `${CLIENT}/local.ts`, 'LocalOptions'],
    ['`connect(', `${CLIENT}/cluster.ts`, 'ConnectOptions'],
    ['`cluster.deploy(', `${CLIENT}/deploy/deploy.ts`, 'DeployOptions'],
    ['`lease.release(', `${CLIENT}/lease.ts`, 'ReleaseOptions'],
    ['`lease.with(', `${CLIENT}/calls/invoke-options.ts`, 'InvokeOptions'],
    ['`lease.map.f(', `${CLIENT}/calls/invoke-options.ts`, 'MapOptions'],
  ] as const) {
    test(`has the options of ${name}, in their order`, () => {
      assert.deepEqual([...rowsOf(heading).keys()], propertiesOf(path, name))
    })
  }

  test('has the defaults of a lease', () => {
    const defaults: Record<string, unknown> = { ...checkLeaseOptions({ functions: 'a.ts' }) }
    for (const [name, [shownDefault = '']] of rowsOf('`cluster.lease(')) {
      const value = defaults[name]
      if (typeof value === 'number' && name !== 'coresMin') assert.equal(shownDefault, shown(value), name)
      if (typeof value === 'boolean') assert.equal(shownDefault, `\`${value}\``, name)
      if (name === 'policy') assert.equal(shownDefault, `\`'${String(value)}'\``)
      if (shownDefault === 'none') assert.deepEqual(value, {}, name)
    }
    assert.equal(checkLeaseOptions({ functions: 'a.ts', cores: 3 }).coresMin, 3)
    assert.equal(checkLeaseOptions({ functions: 'a.ts' }).isIdempotent('f'), false)
  })

  test('has the ranges of a lease: both ends are taken, what is beyond is refused', () => {
    const accepts = (more: Partial<LeaseOptions>): boolean => {
      try {
        return checkLeaseOptions({ functions: 'a.ts', ...more }) !== undefined
      } catch {
        return false
      }
    }
    let checked = 0
    for (const [name, [, range = '']] of rowsOf('`cluster.lease(')) {
      const [min, max] = rangeOf(range)
      // The resource manager checks the duration.
      if (Number.isNaN(min) || range === '' || !/^(from )?\d/.test(range) || name === 'durationMs') continue
      const slim = name === 'payloadBytesMax' ? { slots: 1 } : { payloadBytesMax: 64 }
      assert.ok(accepts({ [name]: min }), `${name}: ${min}`)
      assert.ok(!accepts({ [name]: min - 1 }), `${name}: ${min - 1}`)
      if (max !== Infinity) {
        assert.ok(accepts({ ...slim, [name]: max }), `${name}: ${max}`)
        assert.ok(!accepts({ ...slim, [name]: max + 1 }), `${name}: ${max + 1}`)
      }
      checked++
    }
    assert.ok(checked >= 10, `${checked}`)
    assert.deepEqual(rangeOf(rowsOf('`cluster.lease(').get('durationMs')![1]!), [
      LEASE_DURATION_MS_MIN,
      LEASE_DURATION_MS_MAX,
    ])
    for (const hotTimeoutMs of ['always', 'never'] as const) assert.ok(accepts({ hotTimeoutMs }))
    for (const policy of ['pack', 'spread'] as const) assert.ok(accepts({ policy }))
    for (const fabric of ['local', 'verbs', 'tcp'] as const) assert.ok(accepts({ fabric }))
    assert.ok(accepts({ setup: () => {} }) && !accepts({ setup: 'load' as never }))
    assert.ok(accepts({ output: 'inherit' }) && accepts({ output: () => {} }) && !accepts({ output: 'all' as never }))
    assert.ok(
      accepts({ queueMax: Infinity, abandonGraceMs: Infinity }) &&
        accepts({ idempotent: ['f'] }) &&
        !accepts({ preempt: true }),
    )
  })

  test('has the defaults and ranges of local() and of release()', () => {
    const rows = rowsOf('`local(')
    assert.deepEqual(rangeOf(rows.get('cores')![1]!), [1, NODE_CORES_MAX])
    assert.equal(rows.get('keepWarmMsMax')![0], shown(KEEP_WARM_MS_DEFAULT))
    assert.deepEqual(rangeOf(rows.get('keepWarmMsMax')![1]!), [0, KEEP_WARM_MS_MAX])
    assert.deepEqual(rangeOf(rows.get('pool')![1]!), [0, POOL_SIZE_MAX])
    const [graceDefault, graceRange] = rowsOf('`lease.release(').get('graceMs')!
    assert.equal(graceDefault, shown(RELEASE_GRACE_MS_DEFAULT))
    assert.deepEqual(rangeOf(graceRange!), [0, RETRIEVAL_GRACE_MS_MAX])
    assert.deepEqual(rangeOf(rowsOf('`lease.with(').get('timeoutMs')![1]!), [0, INVOKE_TIMEOUT_MS_MAX])
  })
})
