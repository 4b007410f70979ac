import { spawnSync } from 'node:child_process'
import assert from 'node:assert/strict'

/** Whether the tests can compile C, and C++. */
export const HAS_CC: boolean = spawnSync('cc', ['--version']).status === 0
export const HAS_CXX: boolean = spawnSync('c++', ['--version']).status === 0

/** Compiles a shared library from text in C, or in C++. */
export function compileLibrary(path: string, source: string, language: 'c' | 'c++' = 'c', ...flags: string[]): void {
  const compiler = language === 'c' ? 'cc' : 'c++'
  const { status, stderr } = spawnSync(
    compiler,
    ['-O2', '-shared', '-fPIC', '-pthread', ...flags, '-x', language, '-', '-o', path],
    { input: source, encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
}
