import { factsText, type Runtime } from './addon-advice.ts'
import { readAddon } from './addon-file.ts'

/** What the dynamic linkers of glibc and of musl say, and what it means. */
const CAUSES: readonly [RegExp, (what: string) => string][] = [
  [
    /version [`']([^']+)' not found/,
    (version) =>
      `the library needs ${version}, which this node does not have; compile it on a system as old as the node's`,
  ],
  [
    /(?:^|: )([^:\s]+): cannot open shared object file|Error loading shared library ([^:\s]+):/,
    (name) => `the library needs ${name}, which is not installed on this node; link it in, or install it there`,
  ],
  [
    /(failed to map segment from shared object)/,
    (reason) => `${reason}: the node keeps its bundles on a file system without code; start it with another --cache`,
  ],
]

/**
 * Why a shared library cannot be loaded here, as the end of a sentence: what it was built for and what this node has, what
 * is missing, or otherwise the given reason.
 *
 * @param reason the dynamic linker's, or why the file cannot be read
 */
export function nativeProblem(path: string, runtime: Runtime, reason: string): string {
  const built = readAddon(path)
  const { platform, arch, libc } = runtime
  const isOther =
    built !== null &&
    (built.platform !== platform ||
      built.arch !== arch ||
      (built.libc !== null && libc !== null && built.libc !== libc))
  if (isOther) {
    const advice = 'compile it for the node, or lease on a node of its own platform with `labels`'
    const has = factsText({ ...runtime, modules: null })
    return `the library was built for ${factsText({ ...built, modules: null })}, this node has ${has}; ${advice}`
  }
  const said = reason.replaceAll(`${path}: `, '')
  for (const [pattern, sentence] of CAUSES) {
    const [found, first, second] = pattern.exec(said) ?? []
    if (found !== undefined) return sentence((first ?? second)!)
  }
  return said
}
