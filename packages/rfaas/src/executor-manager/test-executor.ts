import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MESSAGES_FD, METER_PAGE_FD } from '../executor/messages.ts'

/**
 * Prelude for a test's script that talks over the pipe: provides `say(message, done?)`, and handlers to set in `on`,
 * such as `on.start` and `on.drain`.
 */
export const TALK: string = `
import { Socket } from 'node:net'
import { encodeMessage, MessageReader, toExecutor } from '${new URL('../executor/pipe.ts', import.meta.url).href}'
const pipe = new Socket({ fd: ${MESSAGES_FD} })
const reader = new MessageReader()
const on = {}
pipe.on('data', (chunk) => reader.push(chunk).map(toExecutor).forEach((message) => on[message.kind]?.(message)))
const say = (message, done) => pipe.write(encodeMessage(message), done)
`

/**
 * A small executor for tests: a process that speaks executor/messages.ts and does nothing else. It meters 5 ns of
 * polling, 7 ns of execution and 1 invocation for its first worker. The text of its "bundle" is an {@link Order} that
 * controls it.
 */
const SCRIPT = `${TALK}
import { readFileSync, writeSync } from 'node:fs'
pipe.once('end', () => process.exit(1))
on.drain = () => process.exit(0)
on.park = () => say({ kind: 'parked' })
on.prepare = () => say({ kind: 'prepared' })
on.start = (message) => {
  const order = readFileSync(message.bundlePath, 'utf8')
  writeSync(${METER_PAGE_FD}, new Float64Array([5, 7, 1]), 0, 24, 0)
  if (order === 'never ready') return
  if (order === 'never done') on.drain = () => {}
  if (order === 'fail') return say({ kind: 'failed', code: 'module_failed', reason: 'told to', stack: '' })
  const addresses = message.secrets.map((_, worker) => \`\${message.fabric} \${worker} \${process.pid}\`)
  say({ kind: 'ready', addresses, functions: [{ name: 'f', raw: true }], loadMs: 1 }, () => {
    if (order === 'crash') { console.error('last words'); process.exit(9) }
    if (order === 'client gone') process.exit(3)
  })
}
`

export type Order = 'serve' | 'never ready' | 'never done' | 'fail' | 'crash' | 'client gone'

export interface TestFolder extends AsyncDisposable {
  readonly path: string
  readonly executorPath: string
}

/** A folder with the test executor in it, removed when disposed of. */
export async function testFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'rfaas-node-'))
  const executorPath = join(path, 'executor.mjs')
  await writeFile(executorPath, SCRIPT)
  return { path, executorPath, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A bundle whose text orders the test executor to do something. */
export function orderBundle(order: Order): { sha256: string; code: Uint8Array<ArrayBuffer> } {
  const code = new TextEncoder().encode(order)
  return { sha256: createHash('sha256').update(code).digest('hex'), code }
}
