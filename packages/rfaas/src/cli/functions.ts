import { Option } from 'commander'
import type { Command } from 'commander'
import { nameToUndeploy } from '../control/functions-name.ts'
import type { FunctionsInfo } from '../control/gen/rfaas_pb.ts'
import { KINDS, type FunctionKind } from '../kinds.ts'
import { askManager } from './ask.ts'
import { jsonOption, managerOption } from './options.ts'
import { table } from './table.ts'
import { formatBytes } from './units.ts'

/* The commands for functions that are deployed at a resource manager. */

const DEPLOY_EXAMPLES = `
The module is bundled with its imports, loaded once to see which functions it has, and kept by the resource manager under
the name, with the next version. Packages with native code, and files beside the module that it names, are kept with it. A lease uses it by name: { functions: 'pricing@2' }, or 'pricing' for the newest version.

Examples:
  rfaas deploy pricing.ts --name pricing
  rfaas deploy ./pricing --name pricing           a folder: the main of its package.json, or its index.ts
  rfaas deploy model.ts --name model --files 'models/*.onnx'
  rfaas invoke pricing price --data 12            call a deployed function
`

const FUNCTIONS_EXAMPLES = `
Examples:
  rfaas functions
  rfaas functions --json | jq 'map(.bytes) | add'
`

const UNDEPLOY_EXAMPLES = `
Leases that use the functions go on. No version's number is given again.

Examples:
  rfaas undeploy pricing@2    one version
  rfaas undeploy pricing      all versions
`

interface DeployFlags {
  manager: string
  name: string
  external?: string[]
  files?: string[]
  kind?: FunctionKind
  json?: true
}

interface Flags {
  manager: string
  json?: true
}

/** Adds `deploy`, `functions` and `undeploy`. */
export function addFunctions(program: Command): void {
  program
    .command('deploy')
    .description('bundle a module and keep it at the resource manager, so that leases use it by name')
    .argument('<path>', 'JavaScript, TypeScript, .wasm or .so file, or a folder with a package.json or an index')
    .requiredOption('--name <name>', 'the name: a letter, then letters, digits, - or _')
    .option('--external <packages...>', 'packages that are not bundled but kept as they are installed')
    .option('--files <patterns...>', "other files that the functions read, relative to the module's folder")
    .addOption(new Option('--kind <kind>', 'how the functions are called (default: functions)').choices(KINDS))
    .addOption(managerOption())
    .addOption(jsonOption('print what was deployed as JSON'))
    .addHelpText('after', DEPLOY_EXAMPLES)
    .action(async (path: string, { manager, json, ...options }: DeployFlags) => {
      const { connect } = await import('../index.ts')
      await using cluster = await connect(manager)
      const deployment = await cluster.deploy(path, options)
      const { isNew, deployed, ...rest } = deployment
      const version = { ...rest, deployedUnixMs: deployed.getTime() }
      const text = json
        ? `${JSON.stringify({ ...functionsForPrograms(version), isNew })}\n`
        : deployedForPeople(version, isNew)
      process.stdout.write(text)
    })
  program
    .command('functions')
    .description('list the functions that are deployed at a resource manager')
    .addOption(managerOption())
    .addOption(jsonOption('print a JSON array of versions'))
    .addHelpText('after', FUNCTIONS_EXAMPLES)
    .action(async ({ manager, json }: Flags) => {
      const { functions } = await askManager(manager, (rpc) => rpc.listFunctions({}))
      process.stdout.write(json ? jsonOf(functions) : functionsForPeople(functions))
    })
  program
    .command('undeploy')
    .description('remove deployed functions: one version, or all')
    .argument('<name>', 'such as pricing, or pricing@2 for one version')
    .addOption(managerOption())
    .addOption(jsonOption('print a JSON array of the versions that were removed'))
    .addHelpText('after', UNDEPLOY_EXAMPLES)
    .action(async (name: string, { manager, json }: Flags) => {
      const { functions } = await askManager(manager, (rpc) => rpc.undeployFunctions(nameToUndeploy(name)))
      process.stdout.write(json ? jsonOf(functions) : removedForPeople(functions))
    })
}

/** One version of deployed functions. */
export type Shown = Pick<FunctionsInfo, 'name' | 'version' | 'sha256' | 'bytes' | 'deployedUnixMs'> & {
  readonly functions: readonly { readonly name: string; readonly raw: boolean }[]
}

/** A version as programs read it. */
export function functionsForPrograms({ name, version, sha256, bytes, functions, deployedUnixMs }: Shown): object {
  const listed = functions.map(({ name: each, raw }) => ({ name: each, raw }))
  return { name, version, sha256, bytes, functions: listed, deployedUnixMs }
}

function jsonOf(all: readonly Shown[]): string {
  return `${JSON.stringify(all.map(functionsForPrograms))}\n`
}

/** One sentence about a deployment. @param isNew false: the newest version has the same bytes */
export function deployedForPeople({ name, version, functions, bytes }: Shown, isNew: boolean): string {
  const whole = `${name}@${version}`
  if (!isNew) return `Nothing has changed: ${whole} is this module already.\n`
  return `Deployed ${whole}: ${namesOf(functions)} (${formatBytes(bytes)}).\n`
}

/** The versions as a table, or a sentence when there are none. */
export function functionsForPeople(all: readonly Shown[]): string {
  if (all.length === 0) return 'No functions are deployed; deploy some: rfaas deploy pricing.ts --name pricing\n'
  const rows = all.map(({ name, version, functions, bytes, sha256, deployedUnixMs }) => [
    `${name}@${version}`,
    namesOf(functions),
    formatBytes(bytes),
    new Date(deployedUnixMs).toISOString().slice(0, 19).replace('T', ' '),
    sha256.slice(0, 12),
  ])
  return table(
    [
      { title: 'NAME' },
      { title: 'FUNCTIONS' },
      { title: 'SIZE', align: 'right' },
      { title: 'DEPLOYED (UTC)' },
      { title: 'SHA-256' },
    ],
    rows,
  )
}

function removedForPeople(removed: readonly Shown[]): string {
  return `Removed ${removed.map(({ name, version }) => `${name}@${version}`).join(', ')}.\n`
}

/** Names shown of one module. */
const SHOWN_MAX = 8

function namesOf(functions: Shown['functions']): string {
  const shown = functions.slice(0, SHOWN_MAX).map(({ name, raw }) => (raw ? `${name} (raw)` : name))
  const more = functions.length - shown.length
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(', ')
}
