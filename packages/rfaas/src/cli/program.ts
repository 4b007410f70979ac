import { readFileSync } from 'node:fs'
import { styleText } from 'node:util'
import { Command } from 'commander'
import { addDoctor } from './doctor/command.ts'
import { addDrain } from './drain.ts'
import { addFunctions } from './functions.ts'
import { addInvoke } from './invoke/command.ts'
import { addLease } from './lease.ts'
import { addLeases } from './leases.ts'
import { addManager } from './manager.ts'
import { addNode } from './node.ts'
import { addNodes } from './nodes.ts'
import { addUp } from './up.ts'

const EXIT_CODES = `
Exit codes:
  0    success; also a manager, a node or 'up' that was told to stop and has drained
  1    the command failed; doctor: something necessary is missing
  2    the command line is wrong
  130  interrupted by Ctrl-C

Environment:
  RFAAS_MANAGER  URL of the resource manager for commands without --manager
  RFAAS_DEBUG=1  print errors with their stack and causes
  NO_COLOR=1     no colours, also on a terminal
`

const EXAMPLES = `
Examples:
  rfaas up                                            a manager and a node here, until Ctrl-C
  rfaas invoke square.ts square --data 12             call a function of your module on a leased core
  rfaas manager --host 10.0.0.1 --data /var/lib/rfaas.db
  rfaas node --manager http://10.0.0.1:7070 --host 10.0.0.2
`

/** The whole command line. Each command loads what it needs when it runs: help is quick, and the doctor always works. */
export function createProgram(): Command {
  const program = new Command('rfaas')
    .description('Run functions on leased spare cores at the speed of the network.')
    .version(versionOfPackage(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({
      styleTitle: (text) => styleText('bold', text, { validateStream: false }),
      styleSubcommandText: (text) => styleText('cyan', text, { validateStream: false }),
      styleOptionText: (text) => styleText('cyan', text, { validateStream: false }),
    })
    // The sentence on standard error is written once, by main.
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .addHelpText('after', EXAMPLES + EXIT_CODES)
  for (const add of [addUp, addManager, addNode, addNodes, addLeases, addLease, addDrain]) add(program)
  for (const add of [addFunctions, addInvoke, addDoctor]) add(program)
  return program
}

function versionOfPackage(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
