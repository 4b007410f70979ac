import { Option } from 'commander'
import type { Command } from 'commander'
import { parseDurationMs } from '../config/duration.ts'
import { parsePairs } from '../config/pairs.ts'
import { parseSizeBytes } from '../config/size.ts'
import { fromText } from './exit.ts'
import { dieWithParentOption, hostOption, jsonOption, logLevelOption, portOption } from './options.ts'
import { runService } from './service.ts'
import type { ServiceFlags } from './service.ts'

const EXAMPLES = `
Examples:
  rfaas manager
  rfaas manager --host 10.0.0.1 --data /var/lib/rfaas/manager.db
  rfaas manager --prices perCoreS=0.01,perHotPollingS=0.005
  rfaas manager --preemption-grace 30s
  rfaas manager --port 0 --json
`

const PRICES = ['perCoreS', 'perGibS', 'perHotPollingS', 'perExecutionS'] as const

interface ManagerFlags extends ServiceFlags {
  host: string
  port: number
  data?: string
  prices?: Partial<Record<(typeof PRICES)[number], number>>
  heartbeatInterval?: number
  nodeLostAfter?: number
  preemptionGrace?: number
  closedLeasesKept?: number
  functionsMax?: number
}

export function addManager(program: Command): void {
  program
    .command('manager')
    .description('run a resource manager: nodes register with it, and it grants leases on their cores')
    .addOption(hostOption())
    .addOption(portOption(7070))
    .option('--data <path>', 'database file, so that a restart forgets nothing (default: in memory)')
    .addOption(
      new Option('--prices <pairs>', `what leases cost, such as perCoreS=0.01; keys: ${PRICES.join(', ')}`).argParser(
        fromText((text, what) => parsePairs(text, what, PRICES), '--prices'),
      ),
    )
    .addOption(
      new Option('--heartbeat-interval <time>', 'how often nodes send a heartbeat (default: 1s)').argParser(
        fromText(parseDurationMs, '--heartbeat-interval'),
      ),
    )
    .addOption(
      new Option(
        '--node-lost-after <time>',
        'how long a node may be silent before it counts as lost (default: 3.5s)',
      ).argParser(fromText(parseDurationMs, '--node-lost-after')),
    )
    .addOption(
      new Option(
        '--preemption-grace <time>',
        'how long a lease that is preempted may still run (default: 5s)',
      ).argParser(fromText(parseDurationMs, '--preemption-grace')),
    )
    .addOption(
      new Option(
        '--closed-leases-kept <time>',
        'how long closed leases, and what they have cost, can be looked up (default: 24h)',
      ).argParser(fromText(parseDurationMs, '--closed-leases-kept')),
    )
    .addOption(
      new Option('--functions-max <size>', 'size of all deployed functions together (default: 256MiB)').argParser(
        fromText(parseSizeBytes, '--functions-max'),
      ),
    )
    .addOption(logLevelOption())
    .addOption(jsonOption('when ready, print one line of JSON: {kind: "manager", url, pid}'))
    .addOption(dieWithParentOption())
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(flags: ManagerFlags): Promise<void> {
  const { startResourceManager } = await import('../resource-manager/manager.ts')
  const { host, port, data, prices, heartbeatInterval, nodeLostAfter, preemptionGrace } = flags
  const { closedLeasesKept, functionsMax } = flags
  const options = {
    host,
    port,
    ...(data === undefined ? {} : { dataPath: data }),
    ...(prices === undefined ? {} : { prices }),
    ...(heartbeatInterval === undefined ? {} : { heartbeatIntervalMs: heartbeatInterval }),
    ...(nodeLostAfter === undefined ? {} : { nodeLostAfterMs: nodeLostAfter }),
    ...(closedLeasesKept === undefined ? {} : { closedLeaseKeptMs: closedLeasesKept }),
    ...(functionsMax === undefined ? {} : { functionsBytesMax: functionsMax }),
    ...(preemptionGrace === undefined ? {} : { preemptionGraceMs: preemptionGrace }),
  }
  const { logManagerEvents } = await import('./events.ts')
  await runService(
    flags,
    logManagerEvents,
    () => startResourceManager(options),
    ({ url }) => ({
      forPrograms: { kind: 'manager', url, pid: process.pid },
      forPeople: [
        `The resource manager is ready: ${url}`,
        data === undefined ? 'It keeps its data in memory; --data PATH keeps it across restarts.' : `Its data: ${data}`,
        `Add nodes with: rfaas node --manager ${url}`,
      ],
    }),
  )
}
