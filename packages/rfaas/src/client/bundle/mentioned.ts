import { isBuiltin } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/*
 * What the text of a module says about the files and packages that it uses while it runs. Only what is written there
 * as a literal is found; a comment or a string counts, too: then more travels than is needed.
 */

/** A string without placeholders: group `text`. */
const LITERAL = String.raw`(?:'(?<a>[^'\n]*)'|"(?<b>[^"\n]*)"|${'`'}(?<c>[^${'`'}$\n]*))`
/** The folder of the module. */
const FOLDER = String.raw`(?:\b__dirname\b|\bimport\.meta\.dirname\b)`

/** `new URL('./x', import.meta.url)`; in a template the part before the first placeholder. */
const BY_URL = new RegExp(String.raw`\bnew\s+URL\(\s*${LITERAL}[^)]*?,\s*import\.meta\.url\b`, 'g')
/** `__dirname + '/x'`. */
const BY_PLUS = new RegExp(String.raw`${FOLDER}\s*\+\s*${LITERAL}`, 'g')
/** `${__dirname}/x`. */
const BY_TEMPLATE = new RegExp(String.raw`\$\{\s*${FOLDER}\s*\}(?<c>[^${'`'}$\n]*)`, 'g')
/** `join(__dirname, 'x', …)` and `resolve(…)`: group `rest` has the further arguments. */
const BY_JOIN = new RegExp(String.raw`\b(?:join|resolve)\(\s*${FOLDER}\s*,(?<rest>[^)]*)`, 'g')
/** `import.meta.resolve('./x')`, `require.resolve('x')`, `require('x')`, `import('x')`. */
const BY_NAME = new RegExp(
  String.raw`\b(?:import\.meta\.resolve|require\.resolve|require|import)\s*\(\s*(?:/\*.*?\*/\s*)?${LITERAL}`,
  'g',
)
/** `from 'x'`, `import 'x'`. */
const BY_STATEMENT = new RegExp(String.raw`\b(?:from|import)\s*${LITERAL}`, 'g')
/** A thread or process that runs the module itself. */
const RUNS_ITSELF =
  /\b(?:Worker|fork)\(\s*(?:new\s+URL\(\s*)?(?:import\.meta\.(?:url|filename)|__filename|fileURLToPath\(import\.meta\.url\))/

/** Absolute paths of the files and folders beside a module that its text mentions; they need not exist. */
export function mentionedFiles(text: string, path: string): Set<string> {
  const found = new Set<string>()
  const folder = dirname(path)
  const add = (beside: string): void => {
    // The folder itself says nothing: most often a name follows that only the running function knows.
    const target = resolve(folder, beside)
    if (target !== folder && !folder.startsWith(`${target}/`)) found.add(target)
  }
  for (const match of text.matchAll(BY_URL)) {
    const target = literalOf(match)
    if (URL.canParse(target) || !URL.canParse(target, pathToFileURL(path).href)) continue
    add(fileURLToPath(new URL(target, pathToFileURL(path)).href.replace(/[?#].*$/, '')))
  }
  for (const pattern of [BY_PLUS, BY_TEMPLATE]) {
    for (const match of text.matchAll(pattern)) add(`./${literalOf(match)}`)
  }
  for (const { groups } of text.matchAll(BY_JOIN)) add(leadingLiterals(groups!['rest']!))
  for (const name of mentionedNames(text)) if (name.startsWith('.')) add(name)
  return found
}

/** What a module imports or requires: relative paths, absolute ones, and names of packages; none of Node's own modules. */
export function mentionedNames(text: string): Set<string> {
  const names = [BY_NAME, BY_STATEMENT].flatMap((pattern) => [...text.matchAll(pattern)].map(literalOf))
  return new Set(names.filter((name) => name !== '' && !isBuiltin(name)))
}

export function runsItself(text: string): boolean {
  return RUNS_ITSELF.test(text)
}

function literalOf({ groups = {} }: RegExpMatchArray): string {
  return groups['a'] ?? groups['b'] ?? groups['c'] ?? ''
}

/** `'models', 'a', name` is the folder `models/a`. */
function leadingLiterals(rest: string): string {
  const parts: string[] = []
  const argument = new RegExp(String.raw`\s*${LITERAL}\s*[${'`'}]?\s*(?:,|$)`, 'y')
  for (;;) {
    const match = argument.exec(rest)
    if (match === null) return parts.join('/')
    parts.push(literalOf(match))
    if (argument.lastIndex >= rest.length) return parts.join('/')
  }
}
