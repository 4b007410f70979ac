import { basename } from 'node:path'

import { readAddon, type AddonFacts } from './addon-file.ts'
import { reasonOf } from '../thrown.ts'

/** What this process runs on, in the terms of an addon. */
export interface Runtime {
  readonly platform: string
  readonly arch: string
  readonly libc: 'glibc' | 'musl' | null
  readonly modules: number
}

/** @returns what this process runs on; the C library costs some milliseconds, so ask only after a failure */
export function thisRuntime(): Runtime {
  const { platform, arch, versions } = process
  // Otherwise the report resolves the names of all connections.
  ;(process.report as { excludeNetwork?: boolean }).excludeNetwork = true
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  const libc = platform !== 'linux' ? null : report.header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
  return { platform, arch, libc, modules: Number(versions.modules) }
}

let areExplained = false

/**
 * Makes `process.dlopen` say why an addon cannot be loaded here, in one sentence, when it was built for something else.
 * Every addon is loaded by it, at the load of the functions or later. Idempotent.
 */
export function explainAddons(): void {
  if (areExplained) return
  areExplained = true
  const { dlopen } = process
  process.dlopen = function explained(this: unknown, ...args: Parameters<typeof dlopen>): void {
    try {
      Reflect.apply(dlopen, process, args)
    } catch (error) {
      const sentence = addonProblem(String(args[1]), thisRuntime(), reasonOf(error))
      if (sentence === null) throw error
      throw Object.assign(new Error(sentence, { cause: error }), { code: 'ERR_DLOPEN_FAILED' })
    }
  }
}

/** @returns null when the file was built for this runtime, so that the system's own reason counts */
export function addonProblem(path: string, runtime: Runtime, reason: string): string | null {
  const facts = readAddon(path)
  const wrongModules = /NODE_MODULE_VERSION (\d+)\. This version/.exec(reason)?.[1]
  const built = facts === null ? null : { ...facts, modules: wrongModules ? Number(wrongModules) : facts.modules }
  const name = packageNameOf(path)
  const what = name === null ? `the addon ${path}` : `the package ${name}`
  if (built === null) return null
  const isOther =
    built.platform !== runtime.platform ||
    !built.arch.split(' and ').includes(runtime.arch) ||
    (built.libc !== null && runtime.libc !== null && built.libc !== runtime.libc) ||
    (built.modules !== null && built.modules !== runtime.modules)
  if (!isOther) return null
  const advice = `install it for the node's platform where the functions are leased (${commandFor(runtime)}), or lease on a node of its own platform with \`labels\``
  return `Cannot load ${basename(path)} of ${what}: it was built for ${factsText(built)}, this node has ${factsText(runtime)}; ${advice}`
}

/** In words: `linux x64 glibc`. */
export function factsText({ platform, arch, libc, modules }: AddonFacts): string {
  const text = [platform, arch, libc].filter((part) => part !== null).join(' ')
  return modules === null ? text : `${text}, NODE_MODULE_VERSION ${modules}`
}

/** What a user types to have npm install the files of another platform. */
export function commandFor({ platform, arch, libc }: Runtime): string {
  return `npm install --os=${platform} --cpu=${arch}${libc === null ? '' : ` --libc=${libc}`}`
}

function packageNameOf(path: string): string | null {
  return /.*\bnode_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? null
}
