/** The bench on functions of our own, of the same shape as SeBS's: they need no packages. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sebs } from './sebs.ts'
import { SEBS_FUNCTIONS } from '../sebs/functions.ts'

const FROM = fileURLToPath(new URL('../sebs/stand-ins', import.meta.url))
const left = async (): Promise<string[]> =>
  (await readdir('/tmp')).filter((name) => /^rfaas-sebs-[\da-f]{8}-/.test(name))

test(
  'sebs runs each function over local and tcp, checks its results, and leaves no files',
  { timeout: 300_000 },
  async (t) => {
    const stages = await mkdtemp(join(tmpdir(), 'rfaas-sebs-stages-'))
    t.after(() => rm(stages, { recursive: true }))
    const before = new Set(await left())
    const { series, notes } = await sebs({ from: FROM, stages }).run({ quick: true, progress: () => {} })
    assert.deepEqual(
      series.map(({ name }) => name),
      SEBS_FUNCTIONS.flatMap(({ name }) => [`${name}.local`, `${name}.tcp`]),
    )
    for (const { name, values } of series) {
      assert.deepEqual(Object.keys(values), ['coldMs', 'warmMs', 'callsPerS'], name)
      assert.ok(Object.values(values).every(([value]) => value! > 0))
    }
    assert.ok(!notes.some((note) => note.startsWith('Left out')))
    assert.deepEqual(
      (await left()).filter((name) => !before.has(name)),
      [],
    )
  },
)

test('sebs refuses a folder without functions of SeBS', async () => {
  await assert.rejects(sebs({ from: tmpdir() }).run({ quick: true, progress: () => {} }), { code: 'invalid_argument' })
})
