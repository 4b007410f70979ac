import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { BuildFailure, BuildOptions } from 'esbuild'
import { RfaasError } from '../errors.ts'
import { BUNDLE_BYTES_MAX } from '../limits.ts'

/** A functions module with all that it imports, in one file: what travels to the node. */
export interface Bundle {
  /** Of `code`, 64 lower-case hex digits. Nodes keep bundles under this name. */
  readonly sha256: string
  /** One ECMAScript module, UTF-8, with its source map inside. */
  readonly code: Uint8Array
}

/*
 * CommonJS dependencies expect `require` and its two companions, which an ECMAScript module does not have. They are
 * set on the global object, not declared: a declaration here would collide with a module that makes its own `require`.
 */
const COMMONJS_BANNER: string = [
  `import { createRequire as rfaasCreateRequire } from 'node:module'`,
  `globalThis.require ??= rfaasCreateRequire(import.meta.url)`,
  `globalThis.__filename ??= import.meta.filename`,
  `globalThis.__dirname ??= import.meta.dirname`,
].join(';')

/**
 * Bundles a functions module and its npm dependencies; Node's own modules stay imports. The same sources at the same
 * place give the same bundle, whatever the current directory.
 *
 * @param functions a path (relative to the current directory), a `file:` URL, or the text of one
 * @throws {RfaasError} `invalid_argument` when there is no such file; `module_failed` when it cannot be bundled, with
 * file, line and column of the first reason
 */
export async function bundle(functions: string | URL): Promise<Bundle> {
  const entry = entryPath(functions)
  const isFile = await stat(entry).then(
    (found) => found.isFile(),
    () => false,
  )
  if (!isFile) throw new RfaasError('invalid_argument', `Cannot bundle functions: there is no file ${entry}`)
  const output = await runEsbuild(entry)
  const code = output.contents
  if (code.byteLength > BUNDLE_BYTES_MAX) {
    const reason = `the bundle has ${code.byteLength} bytes, a node takes ${BUNDLE_BYTES_MAX}`
    throw new RfaasError('module_failed', `Cannot bundle functions of ${entry}: ${reason}`)
  }
  return { sha256: createHash('sha256').update(code).digest('hex'), code }
}

function entryPath(functions: string | URL): string {
  const isUrl = functions instanceof URL || functions.startsWith('file:')
  if (!isUrl) return resolve(functions)
  try {
    return fileURLToPath(functions)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RfaasError('invalid_argument', `Cannot bundle functions of ${String(functions)}: ${reason}`, { cause })
  }
}

async function runEsbuild(entry: string): Promise<{ contents: Uint8Array }> {
  const folder = dirname(entry)
  const options = {
    entryPoints: [entry],
    // Paths inside the bundle are relative to here; the current directory would make them differ from call to call.
    absWorkingDir: folder,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: 'inline',
    // Stack traces name the caller's own files although the bundle runs out of a node's cache.
    sourceRoot: `${pathToFileURL(folder).href}/`,
    banner: { js: COMMONJS_BANNER },
    metafile: true,
    write: false,
    logLevel: 'silent',
  } satisfies BuildOptions
  const result = await build(options).catch((error: unknown) => {
    throw new RfaasError('module_failed', `Cannot bundle functions: ${firstReason(error, entry)}`, { cause: error })
  })
  const exported = Object.values(result.metafile.outputs)[0]?.exports ?? []
  if (exported.length === 0) {
    throw new RfaasError('module_failed', `Cannot bundle functions: ${entry} exports nothing`)
  }
  return result.outputFiles[0]!
}

function firstReason(error: unknown, entry: string): string {
  const errors = error instanceof Error && 'errors' in error ? (error as BuildFailure).errors : []
  const first = errors[0]
  if (!first) return `${entry}: ${error instanceof Error ? error.message : String(error)}`
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  if (!first.location) return `${entry}: ${first.text}${more}`
  const { file, line, column } = first.location
  return `${resolve(dirname(entry), file)}:${line}:${column + 1}: ${first.text}${more}`
}
