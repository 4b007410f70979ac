import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const QUICKSTART = fileURLToPath(new URL('./quickstart.ts', import.meta.url))

test('quickstart prints one price and many, and ends by itself', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [QUICKSTART], { timeout: 30_000 })
  assert.equal(stderr, '')
  assert.match(stdout, /^one: 4\.4868\d+\nmany: \[\s*4\.2\d+,\s*4\.4868\d+,\s*4\.6\d+,\s*4\.8\d+\s*\]\n$/)
})
