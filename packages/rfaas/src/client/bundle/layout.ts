import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'

import { PACKED_FILES } from '../../control/bundle-manifest.ts'

/** Where a running bundle finds a file that is not in its module. */
export interface Layout {
  /** For `import`, and as the place of a module. */
  urlOf(path: string): string
  /** For `require`. */
  pathOf(path: string): string
}

/** The bundle runs where it sees the files of the client. */
export const IN_PLACE: Layout = {
  urlOf: (path) => pathToFileURL(path).href,
  pathOf: (path) => path,
}

/**
 * The bundle brings its files: they are beside its module, as they are relative to `root` on the client.
 *
 * @param root absolute path of a folder that contains them all
 */
export function packedLayout(root: string): Layout {
  const pathOf = (path: string): string => `./${packedPath(root, path)}`
  // As pathToFileURL would encode it, because a URL gives `#`, `?` and `%` another meaning.
  const urlOf = (path: string): string => `.${pathToFileURL(`/${packedPath(root, path)}`).pathname}`
  return { pathOf, urlOf }
}

/** The path of a file in a packed bundle. */
export function packedPath(root: string, path: string): string {
  return `${PACKED_FILES}/${relative(root, path)}`
}
