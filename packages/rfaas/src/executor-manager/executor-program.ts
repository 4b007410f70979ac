import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const HERE = import.meta.filename
const SOURCES = fileURLToPath(new URL('../executor/', import.meta.url))
const CHECKOUT = fileURLToPath(new URL('../../../../', import.meta.url))
/** The programs of an executor: its process, each of its threads, and the functions of its rehearsal. */
const PROGRAMS = ['main', 'worker', 'rehearsal-functions']

let inCheckout: Promise<string> | null = null

/**
 * Returns the program that an executor process runs. In a published package each program is one file. In a checkout the
 * programs are a hundred TypeScript modules, and Node.js needs 0.3 s to find them and to strip their types; so this
 * function bundles each program into one file, once for every state of the sources.
 *
 * @returns the path of the program
 */
export function executorProgram(): Promise<string> {
  if (extname(HERE) !== '.ts') return Promise.resolve(join(SOURCES, 'main.js'))
  return (inCheckout ??= builtProgram())
}

async function builtProgram(): Promise<string> {
  const cache = join(CHECKOUT, 'node_modules/.cache/rfaas')
  const folder = join(cache, stateOfSources())
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true })
    const made = await mkdtemp(join(cache, 'making-'))
    await build(join(made, 'executor'))
    // Root may have made the folder; other users of the checkout must be able to read it.
    await chmod(made, 0o755)
    // Another process may have made the same meanwhile.
    await rename(made, folder).catch(() => rm(made, { recursive: true }))
  }
  return join(folder, 'executor/main.mjs')
}

/** Changes whenever a source file is added, removed or edited. */
function stateOfSources(): string {
  const hash = createHash('sha256')
  for (const root of ['fabric', 'rfaas'].map((name) => join(CHECKOUT, 'packages', name, 'src'))) {
    for (const path of readdirSync(root, { encoding: 'utf8', recursive: true }).sort()) {
      const { size, mtimeMs } = statSync(join(root, path))
      hash.update(`${path} ${size} ${mtimeMs}\n`)
    }
  }
  return hash.digest('hex').slice(0, 32)
}

async function build(folder: string): Promise<void> {
  const esbuild = await import('esbuild')
  await esbuild.build({
    entryPoints: PROGRAMS.map((name) => join(SOURCES, `${name}.ts`)),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: 'linked',
    logLevel: 'silent',
    plugins: [
      {
        name: 'places',
        setup: ({ onLoad }) => {
          // What modules name relative to themselves stays where it is, but for the programs, which are side by side.
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            if (dirname(path) === dirname(join(SOURCES, 'main.ts'))) return undefined
            const text = readFileSync(path, 'utf8')
            return {
              contents: text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
              loader: 'ts',
            }
          })
        },
      },
    ],
  })
}
