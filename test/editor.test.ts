/** What an editor shows and finds of a function that is called through a lease: asked of TypeScript's language service. */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'

import ts from 'typescript'

const ROOT = join(import.meta.dirname, '..')
const MODULE = join(import.meta.dirname, 'editor-module.ts')
const PROGRAM = join(import.meta.dirname, 'editor-program.ts')
const SOURCES: Record<string, string> = {
  [MODULE]: `/** The price of an option, by Black and Scholes. */
export function price(option: { strike: number }): number {
  return option.strike
}
`,
  [PROGRAM]: `import type { Lease } from 'rfaas'
import type * as Pricing from './editor-module.ts'
declare const lease: Lease<typeof Pricing>
void lease.call.price({ strike: 1 })
void lease.call.price.with({ timeoutMs: 1 })({ strike: 1 })
void lease.map.price([{ strike: 1 }])
void lease.stream.price([{ strike: 1 }])
void lease.callSync.price({ strike: 1 })
void lease.with({}).call.price({ strike: 1 })
`,
}

describe('an editor', () => {
  let service: ts.LanguageService
  /** Where the program names the function. */
  const places = [...SOURCES[PROGRAM]!.matchAll(/(?<=\.)price\b/g)].map(({ index }) => index)

  before(() => {
    const { config } = ts.readConfigFile(join(ROOT, 'test/tsconfig.json'), (path) => readFileSync(path, 'utf8'))
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, join(ROOT, 'test'))
    const read = (path: string): string | undefined => SOURCES[path] ?? ts.sys.readFile(path)
    service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => [PROGRAM, MODULE],
      getScriptVersion: () => '1',
      getScriptSnapshot: (path) => {
        const text = read(path)
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
      },
      getCurrentDirectory: () => ROOT,
      getDefaultLibFileName: (all) => ts.getDefaultLibFilePath(all),
      readFile: read,
      fileExists: (path) => path in SOURCES || ts.sys.fileExists(path),
      directoryExists: (path) => ts.sys.directoryExists(path),
    })
  })

  test('finds no error in the program', () => {
    const found = service.getSemanticDiagnostics(PROGRAM).map(({ messageText }) => messageText)
    assert.deepEqual(found, [])
    assert.equal(places.length, 6)
  })

  test('goes from every call to the function', () => {
    for (const place of places) {
      const [definition] = service.getDefinitionAtPosition(PROGRAM, place) ?? []
      assert.deepEqual([definition?.fileName, definition?.name], [MODULE, 'price'])
    }
  })

  test('shows the documentation of the function at every call', () => {
    for (const place of places) {
      const info = service.getQuickInfoAtPosition(PROGRAM, place)
      const shown = ts.displayPartsToString(info?.documentation)
      assert.equal(shown, 'The price of an option, by Black and Scholes.')
    }
  })

  test('finds every call from the function, and renames them all', () => {
    const at = SOURCES[MODULE]!.indexOf('price(')
    const found = service.getReferencesAtPosition(MODULE, at)?.filter(({ fileName }) => fileName === PROGRAM)
    assert.deepEqual(found?.map(({ textSpan }) => textSpan.start), places) // prettier-ignore
    const renamed = service.findRenameLocations(MODULE, at, false, false, {})
    assert.equal(renamed?.filter(({ fileName }) => fileName === PROGRAM).length, places.length)
  })

  test('shows names and types of the arguments', () => {
    const at = SOURCES[PROGRAM]!.indexOf('price(') + 'price('.length
    const help = service.getSignatureHelpItems(PROGRAM, at, undefined)
    const [parameter] = help?.items[0]?.parameters ?? []
    assert.equal(ts.displayPartsToString(parameter?.displayParts), 'option: { strike: number; }')
  })
})
