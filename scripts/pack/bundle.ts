import { dirname, join, relative } from 'node:path'
import { readFile } from 'node:fs/promises'
import { build } from 'esbuild'

/**
 * What a program, a thread or a user begins with, of each package: file made → module, relative to `dist/`. Entries of one
 * group share what they have in common; all files of a group are equally deep, so that one relative place fits them all.
 */
const GROUPS: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>> = {
  '@rfaas/fabric': [
    { index: 'index', compliance: 'compliance' },
    { 'verbs/connect-thread': 'verbs/connect-thread' },
    { 'threads/guard-thread': 'threads/guard-thread' },
    Object.fromEntries(
      ['peer', 'thread', 'race-thread', 'view-program', 'scarce-program'].map((name) => [
        `compliance/${name}`,
        `compliance/${name}`,
      ]),
    ),
  ],
  rfaas: [
    {
      'entry/index': 'index',
      'entry/functions': 'functions',
      'client/local-thread': 'client/local-thread',
      'cli/main': 'cli/main',
    },
    {
      'executor/main': 'executor/main',
      'executor/thread': 'executor/thread',
      'executor/worker': 'executor/worker',
      'executor/rehearsal-functions': 'executor/rehearsal-functions',
    },
    { 'client/leases/keeper-thread': 'client/leases/keeper-thread' },
    { 'client/deploy/load-thread': 'client/deploy/load-thread' },
  ],
}

/** @returns the file made of an exported module, both relative to `dist/` and without their extension */
export function fileOf(name: string, module: string): string {
  const made = GROUPS[name]?.flatMap((group) => Object.entries(group)).find(([, from]) => from === module)
  if (made === undefined)
    throw new Error(`Cannot pack ${name}: its export ${module} is not among the entries to bundle`)
  return made[0]
}

/**
 * Makes each entry of a package one file, because finding and loading a hundred modules takes a start-up longer than what
 * is in them. What is loaded later, or by several entries, is a file beside them. Other packages stay outside.
 *
 * @param dist what `tsc -b` made
 * @param out where the files go
 */
export async function bundleEntries(name: string, dist: string, out: string): Promise<void> {
  for (const group of GROUPS[name]!) {
    const folder = dirname(Object.keys(group)[0]!)
    const up = folder === '.' ? './' : '../'.repeat(folder.split('/').length)
    await build({
      absWorkingDir: dist,
      entryPoints: Object.fromEntries(
        Object.entries(group).map(([file, module]) => [file, join(dist, `${module}.js`)]),
      ),
      outdir: out,
      chunkNames: join(folder, 'part-[hash]'),
      bundle: true,
      splitting: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      target: 'node24',
      logLevel: 'warning',
      plugins: [
        {
          name: 'places',
          setup: ({ onLoad }) => {
            onLoad({ filter: /\.js$/ }, async ({ path }) => {
              // Modules name files relative to themselves, and are elsewhere now.
              const from = JSON.stringify(`${up}${relative(dist, path)}`)
              const source = await readFile(path, 'utf8')
              const contents = source.replaceAll(', import.meta.url)', `, new URL(${from}, import.meta.url))`)
              return { contents, loader: 'js' }
            })
          },
        },
      ],
    })
  }
}
