import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { UsageError } from './exit.ts'
import { createProgram } from './program.ts'
import { withUsageError } from './usage.ts'

const MODULE = import.meta.filename

/** What the command line throws, as `main.ts` would report it. */
async function thrownBy(args: string[]): Promise<unknown> {
  const program = createProgram()
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    return withUsageError(error, program, args[0])
  }
  throw new Error(`rfaas ${args.join(' ')} did not fail`)
}

test('a wrong command line is a UsageError of one sentence, and starts nothing', async () => {
  const wrong: [string[], RegExp][] = [
    [['upp'], /unknown command 'upp' \(Did you mean up\?\)/],
    [['manager', '--prot', '1'], /unknown option '--prot' \(Did you mean --port\?\); rfaas manager --help tells more/],
    [['node', '--cores', '-1'], /--cores: "-1" is not a whole number/],
    [['node', '--fabrics', 'local,udp'], /--fabrics: "udp" is unknown; known are local, tcp, verbs/],
    [['manager', '--node-lost-after', '3'], /--node-lost-after: "3" has no unit/],
    [['manager', '--prices', 'perCore=1'], /--prices: the key "perCore" is unknown/],
    [['node', '--label', 'zone'], /Cannot read --label: "zone" is not NAME=VALUE/],
    [['node', '--resource', 'gpu=1', '--resource', 'gpu=2'], /Cannot read --resource: gpu is given twice/],
    [['invoke', MODULE], /missing required argument 'function'/],
    [
      ['invoke', MODULE, 'add', '--data', '1', '--file', 'x'],
      /'--file <path>' cannot be used with option '--data <text>'/,
    ],
    [['nodes', '--manager', 'localhost:7070'], /"localhost:7070" does not begin with http:\/\//],
  ]
  for (const [args, sentence] of wrong) {
    const error = await thrownBy(args)
    assert.ok(error instanceof UsageError, String(error))
    assert.match(error.message, sentence)
    assert.doesNotMatch(error.message, /\n/)
  }
  assert.deepEqual(
    process.getActiveResourcesInfo().filter((name) => name.includes('Server') || name === 'ProcessWrap'),
    [],
  )
})
