import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { installCommands, type DebianFiles } from './debian.ts'
import { ownPlatform, type Platform } from './platforms.ts'
import { run } from '../run.ts'
import type { Toolchain } from './toolchain.ts'

const SCRIPT = fileURLToPath(new URL('./smoke.mjs', import.meta.url))
const ADDONS = ['rfaas_host.node', 'rfaas_verbs.node']
const NODE_MAJOR = 24

/**
 * Tries the addons that were built for a platform. With glibc, Node.js loads and uses them, under QEMU where it is
 * another processor. There is no Node.js for musl in the registries, so a program of our own loads them there.
 *
 * @param cache folder that is kept between runs
 * @returns what was tried, in a few words
 */
export function smokeTest(
  platform: Platform,
  folder: string,
  tools: Toolchain,
  files: DebianFiles,
  cache: string,
): string {
  const emulator = platform.cpu === process.arch ? [] : [`qemu-${platform.machine}-static`]
  if (emulator.length > 0) installCommands({ [emulator[0]!]: 'qemu-user-static' })
  return platform.libc === 'glibc'
    ? inNode(platform, folder, emulator, cache)
    : onMusl(platform, folder, emulator, tools, files, cache)
}

function inNode(platform: Platform, folder: string, emulator: string[], cache: string): string {
  const [program, ...args] =
    platform === ownPlatform()
      ? [process.execPath]
      : [...emulator, '-L', `/usr/${platform.debian.triplet}`, nodeOf(platform, cache)]
  return `${run(program!, [...args, SCRIPT, folder]).trim()}${emulator.length > 0 ? ', emulated' : ''}`
}

/** Brings the Node.js of another processor from npm. */
function nodeOf({ cpu }: Platform, cache: string): string {
  const name = `node-linux-${cpu}`
  const node = join(cache, name, 'package/bin/node')
  if (!existsSync(node)) {
    mkdirSync(join(cache, name), { recursive: true })
    const [{ filename }] = JSON.parse(
      run('npm', ['pack', '--json', `${name}@${NODE_MAJOR}`], { cwd: join(cache, name) }),
    ) as [{ filename: string }]
    run('tar', ['-xzf', filename, 'package/bin/node', 'package/package.json'], { cwd: join(cache, name) })
  }
  return node
}

/**
 * Loads each addon with all its functions bound, in a program that runs on musl and defines, as functions that abort,
 * what Node.js would: so nothing else is missing.
 */
function onMusl(
  platform: Platform,
  folder: string,
  emulator: string[],
  tools: Toolchain,
  files: DebianFiles,
  cache: string,
): string {
  const { debian, machine } = platform
  const names = ADDONS.flatMap(
    (addon) =>
      run(`${debian.triplet}-nm`, ['-D', '--undefined-only', join(folder, addon)]).match(/\b(napi|uv)_\w+/g) ?? [],
  )
  const source = `#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
${[...new Set(names)].map((name) => `void ${name}(void) { abort(); }`).join('\n')}
int main(int count, char** paths) {
  for (int i = 1; i < count; i++) {
    void* addon = dlopen(paths[i], RTLD_NOW);
    if (!addon || !dlsym(addon, "napi_register_module_v1")) return fprintf(stderr, "%s\\n", dlerror()), 1;
  }
  return 0;
}
`
  const file = join(cache, `host-${platform.name}`)
  writeFileSync(`${file}.c`, source)
  const root = files.unpacked('musl', debian.architecture)
  const start = join(files.unpacked('musl-dev', debian.architecture), 'usr/lib', `${machine}-linux-musl`, 'Scrt1.o')
  const [gcc, ...flags] = tools.compiler
  const includes = tools.includes.flatMap((each) => ['-isystem', each])
  run(gcc!, [...flags, ...includes, '-rdynamic', '-fPIE', '-pie', '-o', file, start, `${file}.c`, ...tools.libraries])
  const loader = join(root, `lib/ld-musl-${machine}.so.1`)
  const [program, ...args] = [...emulator, loader, file, ...ADDONS.map((addon) => join(folder, addon))]
  run(program!, args)
  return `${platform.cpu} musl binds every function (not run in Node.js)${emulator.length > 0 ? ', emulated' : ''}`
}
