import { readFileSync } from 'node:fs'
import { extname } from 'node:path'

import type { Message } from 'esbuild'

import type { Layout } from './layout.ts'

/**
 * How modules of the user find what is beside them, although the bundle runs out of a node's cache: each name below is
 * defined, in each module that uses it, as the module's own original place.
 */
export const PLACE_NAMES: Readonly<Record<string, string>> = {
  'import.meta.url': '__rfaas_url',
  'import.meta.filename': '__rfaas_filename',
  'import.meta.dirname': '__rfaas_dirname',
  'import.meta.resolve': '__rfaas_resolve_url',
  __filename: '__rfaas_filename',
  __dirname: '__rfaas_dirname',
  'require.resolve': '__rfaas_resolve',
}

/** What esbuild must warn of: imports whose target only the running program knows. Each is led to its module's place. */
export const PLACE_WARNINGS = {
  'unsupported-dynamic-import': 'warning',
  'unsupported-require-call': 'warning',
} as const
const LED: ReadonlyMap<string, { word: string; name: string }> = new Map([
  ['unsupported-dynamic-import', { word: 'import', name: '__rfaas_import' }],
  ['unsupported-require-call', { word: 'require', name: '__rfaas_require' }],
])

/**
 * Code for the head of the bundle: gives the names above, and more, for a module that was at `place`: a URL, or, in a
 * packed bundle, a path relative to the bundle.
 */
export const PLACE_HEAD: string = `const __rfaas_at = (place) => {
  const url = new URL(place, import.meta.url).href;
  const filename = rfaasFileURLToPath(url);
  const require = rfaasCreateRequire(url);
  const isRelative = (name) => /^\\.{0,2}\\//.test(name);
  const resolveUrl = (name) =>
    isRelative(name) ? new URL(name, url).href
    : rfaasIsBuiltin(name) || URL.canParse(name) ? name
    : rfaasPathToFileURL(require.resolve(name)).href;
  return {
    __rfaas_url: url, __rfaas_filename: filename, __rfaas_dirname: rfaasDirname(filename),
    __rfaas_resolve: require.resolve, __rfaas_resolve_url: resolveUrl, __rfaas_require: require,
    __rfaas_import: async (name, options) => import(resolveUrl(String(name)), options),
  }
}`.replaceAll(/\n\s*/g, ' ')

/** The modules whose code depends on their place, with the imports that must be led there. */
export class PlacedModules {
  /** By path: where the words to replace are, as `line:column` (from 1, and from 0 in bytes), and by what. */
  readonly #modules = new Map<string, Map<string, { word: string; name: string }>>()

  get size(): number {
    return this.#modules.size
  }

  get paths(): Iterable<string> {
    return this.#modules.keys()
  }

  /** @param warnings of the bundler, about this module */
  add(path: string, warnings: readonly Message[]): void {
    const led = new Map<string, { word: string; name: string }>()
    for (const { id, location } of warnings) {
      const how = LED.get(id)
      if (how !== undefined && location) led.set(`${location.line}:${location.column}`, how)
    }
    this.#modules.set(path, led)
  }

  /**
   * The text of such a module for the bundler, on the same lines as the original.
   *
   * @param layout says where the module is for the running bundle
   */
  read(path: string, layout: Layout): string {
    const lines = readFileSync(path, 'utf8').split('\n')
    const led = [...this.#modules.get(path)!].map(([at, how]) => ({ at: at.split(':').map(Number), ...how }))
    // From the right, so that the columns to the left stay what they are.
    for (const { at, word, name } of led.sort((a, b) => b.at[1]! - a.at[1]!)) {
      const bytes = Buffer.from(lines[at[0]! - 1] ?? '')
      const [before, after] = [bytes.subarray(0, at[1]).toString(), bytes.subarray(at[1]).toString()]
      if (after.startsWith(word)) lines[at[0]! - 1] = before + name + after.slice(word.length)
    }
    const names = [...new Set([...Object.values(PLACE_NAMES), '__rfaas_import', '__rfaas_require'])]
    const head = `var {${names.join()}} = __rfaas_at(${JSON.stringify(layout.urlOf(path))});`
    // A first line for the system's loader must stay the first.
    const first = lines[0]!.startsWith('#!') ? 1 : 0
    lines[first] = head + (lines[first] ?? '')
    return lines.join('\n')
  }
}

const SCRIPT = /^\.[cm]?[jt]sx?$/

/** Whether esbuild reads it as JavaScript or TypeScript. */
export function isScript(path: string): boolean {
  return SCRIPT.test(extname(path))
}
