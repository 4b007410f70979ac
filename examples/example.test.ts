import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const EXAMPLE = fileURLToPath(new URL('./example.ts', import.meta.url))
const run = (...args: string[]) => promisify(execFile)(process.execPath, [EXAMPLE, ...args], { timeout: 60_000 })

test('an example prints what it found, draws it, and ends by itself', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rfaas-example-'))
  try {
    const figure = join(folder, 'figures/π.svg')
    const { stdout, stderr } = await run('monte-carlo', '--size', '4', '--rounds', '1', '--figure', figure)
    assert.equal(stderr, '')
    assert.match(stdout, /^Monte Carlo, 4 blocks of 10,000 points\n {2}this thread alone .* (µs|ms)\n/)
    assert.match(stdout, /checked: π ≈ 3\.\d+, the same hits as alone\n {2}figure: /)
    assert.match(await readFile(figure, 'utf8'), /^<svg/)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a mistake is one sentence', async () => {
  for (const [args, sentence] of [
    [
      [],
      'Cannot run an example: name one of matrix-multiplication, jacobi, monte-carlo, web-server, thumbnailer, image-recognition, not none\n',
    ],
    [['jacobi', '--size', '7'], 'Cannot solve: the size must be a multiple of 4, not 7\n'],
    [['jacobi', '--size', 'many'], 'Cannot run an example: --size must be 1 or more, not many\n'],
    [['jacobi', '--photo', 'cat.jpg'], 'Cannot run jacobi: only the thumbnailer takes --photo\n'],
    [
      ['thumbnailer', '--photo', '/none.jpg'],
      "Cannot read the photograph /none.jpg: ENOENT: no such file or directory, open '/none.jpg'\n",
    ],
    [['jacobi', '--rounds', '0'], 'Cannot run an example: --rounds must be 1 or more, not 0\n'],
  ] as const) {
    await assert.rejects(run(...args), (error: { code: number; stderr: string }) => {
      assert.deepEqual([error.code, error.stderr], [2, sentence])
      return true
    })
  }
})
