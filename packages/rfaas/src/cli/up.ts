import type { Command } from 'commander'
import { DEFAULT_MANAGER_URL } from '../config/url.ts'
import { offerOf } from './node.ts'
import {
  allowNativeOption,
  coresOption,
  dieWithParentOption,
  fabricsOption,
  hostOption,
  jsonOption,
  keepWarmMaxOption,
  labelOption,
  logLevelOption,
  memoryOption,
  poolOption,
  portOption,
  resourceOption,
} from './options.ts'
import type { FABRICS } from './options.ts'
import { runService } from './service.ts'
import type { ServiceFlags } from './service.ts'

const EXAMPLES = `
Examples:
  rfaas up
  rfaas up --cores 1 --memory-mib 2GiB
  rfaas up --port 0 --json
`

interface UpFlags extends ServiceFlags {
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
}

export function addUp(program: Command): void {
  program
    .command('up')
    .description('run a resource manager and one node here, in one process, until Ctrl-C')
    .addOption(hostOption())
    .addOption(portOption(7070))
    .addOption(coresOption('cores to offer (default: all)'))
    .addOption(memoryOption('memory to offer: MiB, or a size such as 2GiB (default: half of the machine’s)'))
    .addOption(resourceOption('other resource to offer, such as gpu=2; may be repeated'))
    .addOption(labelOption('label by which leases can select the node, such as zone=a; may be repeated'))
    .addOption(fabricsOption())
    .addOption(poolOption())
    .addOption(keepWarmMaxOption())
    .addOption(allowNativeOption())
    .addOption(logLevelOption())
    .addOption(jsonOption('when ready, print one line of JSON: {kind: "up", url, nodeId, nodeUrl, fabrics, pid}'))
    .addOption(dieWithParentOption())
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(flags: UpFlags): Promise<void> {
  const { logManagerEvents } = await import('./events.ts')
  await runService(
    flags,
    logManagerEvents,
    () => startBoth(flags),
    ({ url, node }) => ({
      forPrograms: {
        kind: 'up',
        url,
        nodeId: node.nodeId,
        nodeUrl: node.url,
        fabrics: node.fabrics,
        pid: process.pid,
      },
      forPeople: [
        `rfaas is up: ${url}`,
        `Node ${node.nodeId} offers ${offerOf(node)}.`,
        '',
        ...howToUse(url),
        '',
        'Ctrl-C drains and stops it.',
      ],
    }),
  )
}

async function startBoth(flags: UpFlags) {
  const { host, port, cores, memoryMib, resource, label, fabrics, pool, keepWarmMax, allowNative } = flags
  const [{ startResourceManager }, { startNode }] = await Promise.all([
    import('../resource-manager/manager.ts'),
    import('../executor-manager/node.ts'),
  ])
  const manager = await startResourceManager({ host, port })
  try {
    const node = await startNode({
      managerUrl: manager.url,
      host,
      ...(cores === undefined ? {} : { cores }),
      ...(memoryMib === undefined ? {} : { memoryMib }),
      ...(resource === undefined ? {} : { resources: resource }),
      ...(label === undefined ? {} : { labels: label }),
      ...(fabrics === undefined ? {} : { fabrics }),
      ...(pool === undefined ? {} : { pool }),
      ...(keepWarmMax === undefined ? {} : { keepWarmMsMax: keepWarmMax }),
      ...(allowNative === undefined ? {} : { allowNative }),
    })
    const close = async (): Promise<void> => {
      // The node first, because it reports the end of its leases to the manager.
      await node.close()
      await manager.close()
    }
    return { url: manager.url, node, close, replaced: node.replaced }
  } catch (error) {
    await manager.close()
    throw error
  }
}

/** What to type next: from a shell, then from a program. */
export function howToUse(url: string): string[] {
  const manager = url === DEFAULT_MANAGER_URL ? '' : ` --manager ${url}`
  // Under npx there is no `rfaas` on the path.
  const rfaas = process.env['npm_command'] === 'exec' ? 'npx rfaas' : 'rfaas'
  return [
    'Try it in another terminal:',
    '',
    `  echo 'export const square = (x: number) => x * x' > square.ts`,
    `  ${rfaas} invoke square.ts square --data 12${manager}`,
    '',
    'Or from a program:',
    '',
    `  import { connect } from 'rfaas'`,
    `  import type * as Square from './square.ts'`,
    '',
    `  await using cluster = await connect('${url}')`,
    `  await using lease = await cluster.lease<typeof Square>({ functions: './square.ts', cores: 1 })`,
    '  console.log(await lease.call.square(12))',
  ]
}
