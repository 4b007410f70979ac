// Compiles one addon of native/ with one call of a C compiler. Plain JavaScript without dependencies, because the set-up
// of a fresh checkout runs it too, on whatever Node.js there is.
import { spawn } from 'node:child_process'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const native = fileURLToPath(new URL('../native', import.meta.url))

/** What each addon is made from. Both have a copy of `memory.c`, whose state is per block. */
const SOURCES = {
  rfaas_host: [
    ...['host', 'memory', 'socket', 'channel', 'watch', 'tcp_socket', 'tcp_connection', 'tcp_send', 'tcp_receive'],
    ...['tcp_progress', 'tcp_sleep', 'library'],
  ],
  rfaas_verbs: [
    ...['verbs', 'memory', 'ofi_library', 'ofi_provider', 'ofi_listen', 'ofi_connection', 'ofi_data', 'ofi_sleep'],
    'ofi_peer',
  ],
}

const FLAGS = [
  ...['-std=gnu17', '-O3', '-fPIC', '-pthread', '-fvisibility=hidden'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'],
  ...['-DNAPI_VERSION=8', '-D_GNU_SOURCE', '-include', join(native, 'baseline.h')],
]
// Node unloads an addon with the last worker thread that uses it; our own threads and libfabric's outlive that.
const LINK_FLAGS = ['-shared', '-Wl,-z,nodelete', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,--as-needed']

/**
 * @param {object} what
 * @param {'rfaas_host' | 'rfaas_verbs'} what.addon
 * @param {string[]} what.compiler command, and arguments that come first
 * @param {string[]} what.includes folders of headers: Node's, and libfabric's where the compiler does not find them
 * @param {string[]} [what.libraries] arguments that come last
 * @param {string} what.out the file; replaced in one step, because a process may have it loaded
 * @returns {Promise<{ ok: boolean, output: string }>} `output` is the compiler's, and empty unless it complains
 */
export async function compileAddon({ addon, compiler, includes, libraries = ['-ldl'], out }) {
  const [command, ...first] = compiler
  const made = `${out}.${process.pid}`
  const sources = SOURCES[addon].map((name) => join(native, `${name}.c`))
  const folders = includes.flatMap((folder) => ['-isystem', folder])
  mkdirSync(dirname(out), { recursive: true })
  const args = [...first, ...FLAGS, ...folders, ...LINK_FLAGS, '-o', made, ...sources, ...libraries]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output += `${error.message}\n`
      resolve(-1)
    })
    child.once('close', resolve)
  })
  if (code === 0) renameSync(made, out)
  else rmSync(made, { force: true })
  return { ok: code === 0, output }
}
