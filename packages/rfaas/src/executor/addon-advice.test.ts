import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'

import { addonProblem, explainAddons, thisRuntime } from './addon-advice.ts'
import { readAddon } from './addon-file.ts'

describe('an addon for another platform', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rfaas-addon-'))
  after(() => rmSync(folder, { recursive: true }))
  const { platform, arch, libc, modules } = thisRuntime()
  const place = (name: string): string => {
    const path = join(folder, 'node_modules/@it', name, 'it.node')
    mkdirSync(dirname(path), { recursive: true })
    return path
  }
  /** Compiles a library with these definitions. */
  const compiled = (name: string, source: string): string => {
    const path = place(name)
    execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', path], { input: source })
    return path
  }

  it('is read: platform, processor, C library and the version of Node.js', () => {
    const any = compiled('any', '#include <stdio.h>\nvoid napi_register_module_v1() { puts("it"); }')
    assert.deepEqual(readAddon(any), { platform, arch, libc, modules: null })
    assert.equal(readAddon(compiled('old', 'void node_register_module_v93() {}'))?.modules, 93)
    const mach = Buffer.alloc(64)
    mach.writeUInt32LE(0xfeedfacf, 0)
    mach.writeUInt32LE(0x0100000c, 4)
    writeFileSync(place('mach'), mach)
    assert.deepEqual(readAddon(place('mach')), { platform: 'darwin', arch: 'arm64', libc: null, modules: null })
    const windows = Buffer.alloc(128)
    windows.write('MZ')
    windows.writeUInt32LE(64, 60)
    windows.writeUInt16LE(0x8664, 68)
    writeFileSync(place('windows'), windows)
    assert.deepEqual(readAddon(place('windows')), { platform: 'win32', arch: 'x64', libc: null, modules: null })
    writeFileSync(place('text'), 'no library of any system, but long enough to have a header of sixty-four bytes')
    assert.equal(readAddon(place('text')), null)
    assert.equal(readAddon(join(folder, 'absent.node')), null)
  })

  it('fails with one sentence: the package, what it was built for, what the node has, what to do', () => {
    explainAddons()
    explainAddons()
    const other = readFileSync(compiled('other', 'void napi_register_module_v1() {}'))
    // The processor in an ELF header: s390x, on which no test runs.
    other.writeUInt16LE(0x16, 18)
    writeFileSync(place('other'), other)
    const has = [platform, arch, libc].join(' ')
    assert.throws(() => createRequire(import.meta.url)(place('other')) as unknown, {
      code: 'ERR_DLOPEN_FAILED',
      message: `Cannot load it.node of the package @it/other: it was built for linux s390x, this node has ${has}, NODE_MODULE_VERSION ${modules}; install it for the node's platform where the functions are leased (npm install --os=${platform} --cpu=${arch} --libc=${libc}), or lease on a node of its own platform with \`labels\``,
    })
  })

  it('for another C library or another version of Node.js is told as such, one that fits is not', () => {
    const fits = compiled('fits', 'void napi_register_module_v1() {}')
    assert.equal(addonProblem(fits, thisRuntime(), 'symbol not found'), null)
    const old = compiled('older', 'void node_register_module_v93() {}')
    assert.match(addonProblem(old, thisRuntime(), '')!, /built for \w+ \w+, NODE_MODULE_VERSION 93, this node has/)
    const reason = 'was compiled against a different Node.js version using\nNODE_MODULE_VERSION 115. This version of'
    assert.match(addonProblem(fits, thisRuntime(), reason)!, /NODE_MODULE_VERSION 115, this node has/)
    const musl = compiled('musl', 'const char *needs = "libc.musl-x86_64.so.1";')
    const glibc = { ...thisRuntime(), libc: 'glibc' } as const
    assert.match(addonProblem(musl, glibc, '')!, /it was built for linux \w+ musl, this node has linux \w+ glibc/)
  })

  it('leaves the system’s own reason where it fits but cannot be loaded', () => {
    const path = compiled(
      'incomplete',
      'extern int nothing_has_this; int *needs = &nothing_has_this; void napi_register_module_v1() {}',
    )
    explainAddons()
    assert.throws(() => createRequire(import.meta.url)(path) as unknown, /undefined symbol|symbol not found/)
  })
})
