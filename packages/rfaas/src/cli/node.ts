import type { Command } from 'commander'
import type { Node } from '../executor-manager/node.ts'
import {
  allowNativeOption,
  cacheMaxOption,
  coresOption,
  dieWithParentOption,
  fabricsOption,
  hostOption,
  jsonOption,
  keepWarmMaxOption,
  labelOption,
  logLevelOption,
  managerOption,
  memoryOption,
  poolOption,
  portOption,
  resourceOption,
  workFolderMaxOption,
} from './options.ts'
import type { FABRICS } from './options.ts'
import { runService } from './service.ts'
import type { ServiceFlags } from './service.ts'
import { formatBytes } from './units.ts'

const EXAMPLES = `
Examples:
  rfaas node
  rfaas node --manager http://10.0.0.1:7070 --host 10.0.0.2 --cores 8 --memory-mib 16GiB
  rfaas node --fabrics tcp --name batch-7 --json
  rfaas node --resource gpu=2 --label zone=a --label disk=ssd
`

interface NodeFlags extends ServiceFlags {
  manager: string
  name?: string
  host: string
  port: number
  cores?: number
  memoryMib?: number
  resource?: Record<string, number>
  label?: Record<string, string>
  fabrics?: (typeof FABRICS)[number][]
  pool?: number
  keepWarmMax?: number
  allowNative?: true | string[]
  cache?: string
  cacheMax?: number
  workFolderMax?: number
}

export function addNode(program: Command): void {
  program
    .command('node')
    .description('offer cores and memory of this machine: runs executors for the leases that a manager grants')
    .addOption(managerOption())
    .option('--name <name>', 'its name, unique at the manager (default: host name and 4 random digits)')
    .addOption(hostOption())
    .addOption(portOption(0))
    .addOption(coresOption('cores to offer (default: all)'))
    .addOption(memoryOption('memory to offer: MiB, or a size such as 16GiB (default: half of the machine’s)'))
    .addOption(resourceOption('other resource to offer, such as gpu=2; may be repeated'))
    .addOption(labelOption('label by which leases can select the node, such as zone=a; may be repeated'))
    .addOption(fabricsOption())
    .addOption(poolOption())
    .addOption(keepWarmMaxOption())
    .addOption(allowNativeOption())
    .option('--cache <path>', 'folder for uploaded functions (default: a cache folder of this user)')
    .addOption(cacheMaxOption())
    .addOption(workFolderMaxOption())
    .addOption(logLevelOption())
    .addOption(jsonOption('when ready, print one line of JSON: {kind: "node", nodeId, url, fabrics, pid}'))
    .addOption(dieWithParentOption())
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(flags: NodeFlags): Promise<void> {
  const { startNode } = await import('../executor-manager/node.ts')
  const { manager, name, host, port, cores, memoryMib, resource, label, fabrics, pool, keepWarmMax } = flags
  const { cache, cacheMax, workFolderMax, allowNative } = flags
  const options = {
    managerUrl: manager,
    host,
    port,
    ...(name === undefined ? {} : { nodeId: name }),
    ...(cores === undefined ? {} : { cores }),
    ...(memoryMib === undefined ? {} : { memoryMib }),
    ...(resource === undefined ? {} : { resources: resource }),
    ...(label === undefined ? {} : { labels: label }),
    ...(fabrics === undefined ? {} : { fabrics }),
    ...(pool === undefined ? {} : { pool }),
    ...(keepWarmMax === undefined ? {} : { keepWarmMsMax: keepWarmMax }),
    ...(allowNative === undefined ? {} : { allowNative }),
    ...(cache === undefined ? {} : { cacheDir: cache }),
    ...(cacheMax === undefined ? {} : { cacheBytesMax: cacheMax }),
    ...(workFolderMax === undefined ? {} : { workFolderBytesMax: workFolderMax }),
  }
  const { logNodeEvents } = await import('./events.ts')
  await runService(
    flags,
    logNodeEvents,
    () => startNode(options),
    (node) => ({
      forPrograms: { kind: 'node', nodeId: node.nodeId, url: node.url, fabrics: node.fabrics, pid: process.pid },
      forPeople: [`Node ${node.nodeId} is ready: ${offerOf(node)}, registered at ${manager}`],
    }),
  )
}

/** What a node offers, for a person. */
export function offerOf(node: Pick<Node, 'cores' | 'memoryMib' | 'resources' | 'fabrics'>): string {
  const cores = node.cores === 1 ? '1 core' : `${node.cores} cores`
  const resources = Object.entries(node.resources).map(([name, count]) => `${count} ${name}`)
  const all = [cores, ...resources, formatBytes(node.memoryMib * 2 ** 20)]
  return `${all.slice(0, -1).join(', ')} and ${all.at(-1)} over ${node.fabrics.join(', ')}`
}
