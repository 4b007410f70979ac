import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

import { temporaryFolder } from './folders.ts'
import { intoOneFile } from './one-file.ts'

const SOURCES = ['packages/*/src/**/*.ts', 'test/**/*.ts', 'scripts/*.ts', 'examples/**/*.ts', 'bench/src/**/*.ts']

/** Where a process or a thread begins, and what tests import: each becomes one file. */
const BEGINNINGS = [
  'cli/main',
  'executor/main',
  'executor/worker',
  'client/leases/keeper-thread',
  'client/deploy/load-thread',
  'client/local-thread',
  'index',
].map((path) => `packages/rfaas/src/${path}.js`)
const PACKAGES = { '@rfaas/fabric': 'packages/fabric/src/index.js' }

const COMPILER: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
}

/**
 * The JavaScript of this checkout, as a folder to be laid over it in the guest: an emulated processor takes seconds to
 * start a program whose types Node.js has to strip first.
 * It also keeps them from crashing now and then: QEMU gets wrong what one processor executes while another writes code
 * beside it, as Node.js does with what strips types, which is WebAssembly.
 *
 * @returns a new folder, removed at the end of the scope
 */
export async function compiledSources(root: string): Promise<{ readonly path: string } & Disposable> {
  const temporary = temporaryFolder('compiled')
  const folder = temporary.path
  for (const path of globSync(SOURCES, { cwd: root, exclude: ['**/node_modules/**', '**/*.d.ts'] })) {
    const source = readFileSync(join(root, path), 'utf8')
    const { outputText } = ts.transpileModule(source, { compilerOptions: COMPILER, fileName: path })
    write(join(folder, path.replace(/\.ts$/, '.js')), outputText)
  }
  for (const path of globSync('packages/*/package.json', { cwd: root })) {
    const manifest = readFileSync(join(root, path), 'utf8')
    write(join(folder, path), manifest.replaceAll(/(\.\/src\/[^"]*)\.ts"/g, '$1.js"'))
  }
  const launcher = 'packages/rfaas/bin/rfaas.mjs'
  write(join(folder, launcher), readFileSync(join(root, launcher), 'utf8').replace('cli/main.ts', 'cli/main.js'))
  // One after the other, because each replaces a file that another may import.
  for (const path of BEGINNINGS) await intoOneFile(root, folder, path, PACKAGES)
  return temporary
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
