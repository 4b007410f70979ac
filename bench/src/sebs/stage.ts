import { existsSync, globSync } from 'node:fs'
import { copyFile, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { RfaasError } from 'rfaas'
import { installPackages } from '../../../examples/shared/packages.ts'

/** The modules that SeBS puts beside a function; each cloud has others. */
const SHIMS = ['storage', 'nosql']
const NODE_MAJOR = process.versions.node.split('.')[0]!

/**
 * The function is not bundled: some assign to variables that they do not declare, which the strict code of a bundle may
 * not.
 */
export const ENTRY = `import { createRequire } from 'node:module'

export const { handler } = createRequire(import.meta.url)('./function.js')
`

/**
 * Finds the Node.js version of benchmarks in a checkout of SeBS.
 *
 * @param from the checkout
 * @param names of benchmarks, as their folders are called
 * @returns the folders with their functions, by name; those that are not there are left out
 * @throws {RfaasError} `invalid_argument` when none is there
 */
export function findFunctions(from: string, names: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const name of names) {
    const [file] = globSync(`benchmarks/*/${name}/nodejs/function.js`, { cwd: from })
    if (file !== undefined) found.set(name, join(from, dirname(file)))
  }
  if (found.size > 0) return found
  throw new RfaasError(
    'invalid_argument',
    `Cannot run SeBS: ${from} has none of its functions, such as benchmarks/100.webapps/${names[0]}/nodejs/function.js; ` +
      'clone https://github.com/spcl/serverless-benchmarks and give its folder',
  )
}

/**
 * Puts a function, as it is, into a folder of its own, with our stand-ins for the modules of SeBS, and installs its
 * packages there.
 *
 * @param source the folder with `function.js`; nothing is written to it
 * @param stage the folder to make; packages that are there from the last time are kept
 * @returns the module to lease, of kind `lambda`
 * @throws {RfaasError} as `installPackages`
 */
export async function stageFunction(source: string, stage: string): Promise<string> {
  await mkdir(stage, { recursive: true })
  for (const name of await readdir(stage)) if (name !== 'node_modules') await rm(join(stage, name), { recursive: true })
  await cp(source, stage, { recursive: true })
  for (const shim of SHIMS)
    await copyFile(fileURLToPath(new URL(`./shims/${shim}.cjs`, import.meta.url)), join(stage, `${shim}.js`))
  // Some benchmarks have other packages for each version of Node.js.
  const own = join(stage, `package.json.${NODE_MAJOR}`)
  if (existsSync(own)) await copyFile(own, join(stage, 'package.json'))
  const entry = join(stage, 'entry.mjs')
  await writeFile(entry, ENTRY)
  await installPackages(pathToFileURL(`${stage}/`))
  return entry
}
