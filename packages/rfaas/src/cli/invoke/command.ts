import { writeFile } from 'node:fs/promises'
import { Option } from 'commander'
import type { Command } from 'commander'
import { parseSizeBytes } from '../../config/size.ts'
import { parseWhole } from '../../config/whole.ts'
import { fromText } from '../exit.ts'
import {
  coresOption,
  fabricOption,
  hotTimeoutOption,
  jsonOption,
  labelOption,
  managerOption,
  memoryOption,
  resourceOption,
} from '../options.ts'
import { untilInterrupted } from '../serve.ts'
import { formatNs } from '../units.ts'
import type { InvokeFlags, Outcome } from './invoke.ts'
import type { Latencies } from './latencies.ts'
import { jsonOf } from './result.ts'

const EXAMPLES = `
The module is bundled with its imports and sent to a leased core. A typed function takes and returns JSON; a function
made by raw(), or of a shared library, takes the bytes of --data or --file as they are and returns bytes.

Examples:
  rfaas invoke square.ts square --data 12
  rfaas invoke math.ts add --data '[1, 2]' --args
  rfaas invoke --local image.ts thumbnail --file photo.jpg --out small.jpg
  cat photo.jpg | rfaas invoke image.ts thumbnail --file - > small.jpg
  rfaas invoke echo.ts echo --data hi --repeat 10000
`

export function addInvoke(program: Command): void {
  program
    .command('invoke')
    .description('lease cores, call a function of a module on them, print its result, release')
    .argument(
      '<module>',
      'JavaScript, TypeScript, .wasm or .so file that exports the function, or the name of deployed functions',
    )
    .argument('<function>', 'name of the exported function')
    .option('--data <text>', 'the input: JSON for a typed function, text for a raw one')
    .addOption(new Option('--file <path>', 'read the input from a file; - is standard input').conflicts('data'))
    .option('--args', 'the input is a JSON array of arguments')
    .option('--out <path>', 'write the result to a file instead of standard output')
    .addOption(
      new Option('--repeat <n>', 'make n calls, one after another, and print how long they took')
        .default(1)
        .argParser(fromText((text, what) => parseWhole(text, what, { min: 1, max: 10_000_000 }), '--repeat')),
    )
    .option('--local', 'start a manager and a node in this process, just for this call')
    .addOption(managerOption())
    .addOption(coresOption('cores to lease, one worker each').default(1))
    .addOption(
      memoryOption('memory to lease: MiB, or a size such as 2GiB (default: 512, or more if the payload needs it)'),
    )
    .addOption(resourceOption('other resource to lease, such as gpu=1; may be repeated').conflicts('local'))
    .addOption(labelOption('lease only on a node with this label, such as zone=a; may be repeated').conflicts('local'))
    .addOption(fabricOption())
    .addOption(new Option('--node <name>', 'lease on this node (default: any)').conflicts('local'))
    .addOption(hotTimeoutOption())
    .addOption(
      new Option(
        '--payload-max <size>',
        'largest input and largest result (default: 1MiB, or what the input needs)',
      ).argParser(fromText(parseSizeBytes, '--payload-max')),
    )
    .addOption(
      jsonOption(
        'print one JSON object: {result (of a raw function: resultBase64), lease, timings, latencies, usage, cost}',
      ),
    )
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(module: string, name: string, flags: InvokeFlags): Promise<void> {
  const { invoke } = await import('./invoke.ts')
  const outcome = await untilInterrupted((interruption) => invoke(module, name, flags, interruption))
  const { isRaw, result, latencies, lease } = outcome
  if (flags.json) {
    process.stdout.write(`${jsonOf(forPrograms(outcome))}\n`)
    return
  }
  const bytes = isRaw ? (result as Uint8Array) : Buffer.from(`${jsonOf(result, process.stdout.isTTY ? 2 : 0)}\n`)
  if (flags.out === undefined) process.stdout.write(bytes)
  else await writeResult(flags.out, bytes)
  // On standard error, so that the result can be piped on its own.
  if (flags.repeat > 1) process.stderr.write(`${latenciesForPeople(latencies, lease.fabric)}\n`)
}

async function writeResult(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes)
  } catch (error) {
    throw new Error(`Cannot write the result: ${(error as Error).message}`, { cause: error })
  }
}

function forPrograms({ isRaw, result, ...rest }: Outcome): object {
  return isRaw ? { resultBase64: Buffer.from(result as Uint8Array).toString('base64'), ...rest } : { result, ...rest }
}

function latenciesForPeople({ count, firstNs, medianNs, p99Ns }: Latencies, fabric: string): string {
  const [median, p99, first] = [medianNs, p99Ns, firstNs].map(formatNs)
  return `${count} calls over ${fabric}, one after another: median ${median}, p99 ${p99}, first ${first}`
}
