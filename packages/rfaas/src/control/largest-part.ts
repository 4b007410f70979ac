import type { BundleManifest } from './bundle-manifest.ts'

/** Names the package with the most bytes in a bundle, because that is what its user can do something about. */
export function largestPart({ files }: BundleManifest): { readonly name: string; readonly bytes: number } {
  const parts = new Map<string, number>()
  for (const { path, sizeBytes } of files) {
    const name = /.*\bnode_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? 'the files beside its modules'
    parts.set(name, (parts.get(name) ?? 0) + sizeBytes)
  }
  const [[name, bytes]] = [...parts].sort(([, a], [, b]) => b - a) as [[string, number]]
  return { name, bytes }
}
