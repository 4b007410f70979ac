import { dirname, join, relative } from 'node:path'
import { readFile } from 'node:fs/promises'
import { build } from 'esbuild'

/** What must stay a package of its own: esbuild looks for its program beside itself, pino starts threads from its files. */
const APART = ['esbuild', 'pino']

/**
 * Replaces a compiled module by one that holds all that it imports: an emulated processor takes 0.15 s to find and load a
 * module, and an executor has a hundred.
 *
 * @param root the checkout, for the packages of others
 * @param folder of compiled sources
 * @param packages where imports of a package of ours lead, relative to the folder
 */
export async function intoOneFile(
  root: string,
  folder: string,
  path: string,
  packages: Readonly<Record<string, string>>,
): Promise<void> {
  const file = join(folder, path)
  await build({
    absWorkingDir: folder,
    entryPoints: [file],
    outfile: file,
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'esnext',
    legalComments: 'none',
    logLevel: 'error',
    external: APART,
    nodePaths: [join(root, 'node_modules')],
    alias: Object.fromEntries(Object.entries(packages).map(([name, target]) => [name, join(folder, target)])),
    plugins: [
      {
        name: 'places',
        setup: ({ onLoad }) => {
          onLoad({ filter: /\/src\/.*\.js$/ }, async ({ path: module }) => {
            if (!module.startsWith(folder)) return undefined
            const from = `./${relative(dirname(file), module)}`
            const source = await readFile(module, 'utf8')
            // Files are named relative to the module, which is elsewhere now.
            const place = `, new URL(${JSON.stringify(from)}, import.meta.url))`
            return { contents: source.replaceAll(', import.meta.url)', place), loader: 'js' }
          })
        },
      },
    ],
  })
}
