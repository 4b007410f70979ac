import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'

import { reasonAgainst, type NativeFunction } from '@rfaas/fabric'

import { thisRuntime } from './addon-advice.ts'
import { loadFunctions } from './load.ts'
import { nativeProblem } from './native-advice.ts'
import { compileLibrary, HAS_CC } from './test-library.ts'

const runtime = thisRuntime()
const { platform, arch, libc } = runtime
const missing = HAS_CC ? reasonAgainst('local') : 'there is no cc'

describe('a shared library', { skip: missing === '' ? false : missing }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'rfaas-native-'))
  after(() => rmSync(folder, { recursive: true }))
  const load = (path: string) => loadFunctions(path, { wasm: null, isNative: true })
  const compiled = (name: string, source: string, ...flags: string[]): string => {
    const path = join(folder, name)
    compileLibrary(path, source, 'c', ...flags)
    return path
  }

  test('is a module of raw functions, which are called in place', async () => {
    const path = compiled(
      'two.so',
      'unsigned b(char* in, unsigned n, char* out) { *out = *in + 1; return n; } unsigned a() { return 0; }',
    )
    const functions = await load(path)
    assert.deepEqual(functions.map(({ name, raw }) => [name, raw]), [['a', true], ['b', true]]) // prettier-ignore
    const output = new Uint8Array(1)
    assert.equal((functions[1]!.call as NativeFunction)(Uint8Array.of(41), output), 1)
    assert.equal(output[0], 42)
    assert.equal(await load(path), functions, 'a worker keeps it, as it keeps a JavaScript module')
  })

  test('without functions, or with what is not there, fails with a sentence', async () => {
    const refused = (path: string, message: RegExp) => assert.rejects(load(path), { code: 'module_failed', message })
    await refused(
      compiled('none.so', 'int number;'),
      /Cannot load the functions: the library exports no function; write `uint32_t f\(.*extern "C"/,
    )
    await refused(
      compiled('needs.so', 'int absent(void); int f(void) { return absent(); }'),
      /undefined symbol: absent|absent: symbol not found/,
    )
    const other = compiled('libother.so', 'int other(void) { return 1; }', '-Wl,-soname,libother.so')
    const uses = compiled('uses.so', 'int other(void); int f(void) { return other(); }', '-Wl,--no-as-needed', other)
    rmSync(other)
    await refused(uses, /the library needs libother\.so, which is not installed on this node/)
    const damaged = join(folder, 'damaged.so')
    writeFileSync(damaged, readFileSync(uses).subarray(0, 1000))
    await refused(damaged, /Cannot load the functions: it ends/)
  })

  test('for another processor fails with what it was built for and what the node has', async () => {
    const foreign = readFileSync(compiled('foreign.so', 'int f(void) { return 1; }'))
    // The processor in an ELF header: 64-bit RISC-V, on which no test runs.
    foreign.writeUInt16LE(0xf3, 18)
    const path = join(folder, 'riscv.so')
    writeFileSync(path, foreign)
    const has = [platform, arch, libc].join(' ')
    await assert.rejects(load(path), {
      code: 'module_failed',
      message: new RegExp(
        `the library was built for linux riscv64( \\w+)?, this node has ${has}; compile it for the node`,
      ),
    })
  })

  test('for a newer C library, or in a folder without code, fails with what to do', () => {
    const fits = compiled('fits.so', 'int f(void) { return 1; }')
    const glibc = `/lib/x86_64-linux-gnu/libc.so.6: version \`GLIBC_2.99' not found (required by ${fits})`
    assert.match(
      nativeProblem(fits, runtime, glibc),
      /^the library needs GLIBC_2\.99, which this node does not have; compile it on a system as old/,
    )
    const mounted = `${fits}: failed to map segment from shared object`
    assert.match(nativeProblem(fits, runtime, mounted), /^failed to map segment from shared object: .* --cache$/)
    const musl = `Error loading shared library libz.so.1: No such file or directory (needed by ${fits})`
    assert.match(nativeProblem(fits, runtime, musl), /^the library needs libz\.so\.1, which is not installed/)
    assert.equal(nativeProblem(fits, runtime, `${fits}: undefined symbol: absent`), 'undefined symbol: absent')
  })
})
