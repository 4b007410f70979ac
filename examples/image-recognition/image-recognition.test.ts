/** On a few images. Skipped only where the packages cannot be installed. */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { local } from 'rfaas'
import { compare, waysFor } from '../beside-piscina/compare.ts'
import { reasonToSkip } from '../beside-piscina/test-packages.ts'

const skip = await reasonToSkip(new URL('./', import.meta.url))

test('each line is read in this thread, on piscina and on leased workers', { skip }, async () => {
  const { ImageRecognition } = await import('./job.ts')
  await using cluster = await local({ cores: availableParallelism(), pool: 0 })
  const job = await ImageRecognition.make(5)
  const { calls, measured, check } = await compare(job, cluster, 1, new AbortController().signal)
  assert.equal(calls, 5)
  assert.deepEqual(
    measured.map(({ kind, workers }) => ({ kind, workers })),
    waysFor(),
  )
  assert.ok(measured.every(({ callsPerS }) => callsPerS > 0))
  assert.equal(check, 'checked: each text is the one that was written, such as "Total: 1,284.50 EUR"')
})

test('readLine reads another line than those of the program', { skip }, async () => {
  const { readLine } = await import('./functions.ts')
  const { imageOf } = await import('./lines.ts')
  assert.equal(await readLine(await imageOf('Hello world')), 'Hello world')
})

test('a text that was read wrong is found', { skip }, async () => {
  const { ImageRecognition } = await import('./job.ts')
  const job = await ImageRecognition.make(2)
  await assert.rejects(job.check(['Total: 1,284.50 EUR', 'Gate 12']), {
    code: 'internal',
    message: /Image 1 says "Gate 12 opens at 09:35", but "Gate 12" was read/,
  })
  await assert.rejects(job.check(['Total: 1,284.50 EUR']), { code: 'internal' })
})
