import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import fc from 'fast-check'

import { kindOfCode } from './bundle-kind.ts'
import { exportedFunctions, isElf } from './elf.ts'
import { compileLibrary, HAS_CC, HAS_CXX } from './test-library.ts'

const seed = Date.now() & 0x7fffffff

const SOURCE = `
#include <stdint.h>
#include <stdlib.h>
uint32_t zebra(void* in, uint32_t size, void* out) { return atoi(in); }
uint32_t ape(void* in, uint32_t size, void* out) { return 0; }
__attribute__((weak)) uint32_t weak(void* in, uint32_t size, void* out) { return 0; }
__attribute__((visibility("protected"))) uint32_t guarded(void* in, uint32_t size, void* out) { return 0; }
__attribute__((visibility("hidden"))) uint32_t hidden(void* in, uint32_t size, void* out) { return 0; }
static uint32_t inner(void* in, uint32_t size, void* out) { return 0; }
uint32_t _underscore(void* in, uint32_t size, void* out) { return inner(in, size, out); }
uint32_t zähler(void* in, uint32_t size, void* out) { return 0; }
uint32_t number = 7;
`

describe('exportedFunctions', { skip: HAS_CC ? false : 'there is no cc' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'rfaas-elf-'))
  const compiled = (
    name: string,
    ...options: Parameters<typeof compileLibrary> extends [string, ...infer R] ? R : never
  ) => {
    compileLibrary(join(folder, name), ...options)
    return new Uint8Array(readFileSync(join(folder, name)))
  }
  let library: Uint8Array
  before(() => (library = compiled('library.so', SOURCE)))
  after(() => rmSync(folder, { recursive: true }))

  test('are those that can be called from outside: no data, no hidden ones, none of others, none with an underscore', () => {
    assert.deepEqual(exportedFunctions(library), ['ape', 'guarded', 'weak', 'zebra', 'zähler'])
    assert.deepEqual(exportedFunctions(compiled('stripped.so', SOURCE, 'c', '-s')), exportedFunctions(library))
    assert.deepEqual(
      exportedFunctions(compiled('hidden.so', 'int f(void) { return 0; }', 'c', '-fvisibility=hidden')),
      [],
    )
  })

  test(
    'of which the library chooses a version for the processor are among them',
    { skip: process.arch !== 'x64' },
    () => {
      const source =
        '__attribute__((target_clones("avx2", "default"))) unsigned f(void* in, unsigned n, void* out) { return n; }'
      assert.deepEqual(exportedFunctions(compiled('versions.so', source)), ['f'])
    },
  )

  test('of C++ are those that are extern "C"', { skip: HAS_CXX ? false : 'there is no c++' }, () => {
    const source = `#include <string>
      unsigned mangled(void*, unsigned n, void*) { return std::string(n, 'x').length(); }
      extern "C" unsigned plain(void* in, unsigned n, void* out) { return mangled(in, n, out); }`
    assert.deepEqual(exportedFunctions(compiled('c++.so', source, 'c++')), ['plain'])
  })

  test('of other files cannot be read, and it is said why', () => {
    const header = library.slice(0, 64)
    const patched = (at: number, byte: number): Uint8Array => {
      const file = library.slice()
      file[at] = byte
      return file
    }
    const refused: [Uint8Array, RegExp][] = [
      [new TextEncoder().encode('export const f = () => 1'), /it is not an ELF file/],
      [new Uint8Array(0), /it is not an ELF file/],
      [library.slice(0, 20), /it ends in its header/],
      [header, /it ends/],
      [library.slice(0, library.length / 2), /it ends/],
      [patched(4, 1), /it is for 32 bits/],
      [patched(5, 2), /it is for big-endian processors/],
      [patched(58, 1), /it has no list of its sections/],
    ]
    for (const [file, message] of refused) assert.throws(() => exportedFunctions(file), { name: 'RangeError', message })
  })

  test(`of damaged files are names, or it is said why there are none (seed ${seed})`, () => {
    const change = fc.tuple(fc.nat(library.length - 1), fc.nat(255))
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: library.length }),
        (changes, end) => {
          const file = library.slice()
          for (const [at, byte] of changes) file[at] = byte
          // The header and the list of the sections, too: they are where damage leads astray.
          for (const [at, byte] of changes) file[at % 64] = byte
          for (const damaged of [file, file.slice(0, end)]) {
            if (!isElf(damaged)) continue
            try {
              for (const name of exportedFunctions(damaged)) assert.match(name, /^[^_]/)
            } catch (error) {
              assert.ok(error instanceof RangeError, String(error))
            }
          }
        },
      ),
      { seed, numRuns: 500 },
    )
  })

  test('kindOfCode: by the first bytes', () => {
    assert.equal(kindOfCode(library), 'native')
    assert.equal(kindOfCode(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1)), 'wasm')
    assert.equal(kindOfCode(new TextEncoder().encode('ELF')), 'javascript')
  })
})
