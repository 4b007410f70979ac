/** Every code block of README.md does what the page says, in a folder of a user. */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { rfaas, Service } from '../cli-process.ts'
import { codeBlock, codeBlocksOf, type CodeBlock } from '../code-blocks.ts'
import { UserFolder } from '../user-folder.ts'

const PAGE = 'README.md'
const ROOT = join(import.meta.dirname, '../..')
const MANAGER = 'http://10.0.0.1:7070'

describe('README', () => {
  let user: UserFolder
  const tested = new Set<string>()

  before(() => void (user = new UserFolder()))
  after(() => user[Symbol.dispose]())

  const block = (what: { file: string } | { text: string }): CodeBlock => {
    const found = codeBlock(PAGE, what)
    tested.add(found.code)
    return found
  }
  /** Writes a block into its file and runs it; returns what it prints. */
  const run = (what: { file: string } | { text: string }, change = (code: string): string => code): string => {
    const { code, file } = block(what)
    const name = file || 'program.mts'
    user.write(name, change(code))
    const { status, stdout, stderr } = user.node(name)
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    return stdout
  }

  test('first screen: prices one option, then three', () => {
    user.write('functions/pricing.ts', readFileSync(join(ROOT, 'examples/functions/pricing.ts'), 'utf8'))
    const [price, prices] = run({ text: 'lease.call.price' }).split('\n')
    assert.ok(Number(price) > 0, price)
    assert.equal(prices, `[ ${price}, ${price}, ${price} ]`)
  })

  test('install: the commands are those that the packaging test runs, and npm knows them', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object }
    assert.equal(block({ text: 'npm install rfaas\n' }).code, 'npm install rfaas\n')
    assert.match(block({ text: 'npm run pack:all' }).code, /\nnpm install \/path\/to\/rfaas\/out\/\*\.tgz /)
    for (const name of ['pack:all', 'start']) assert.ok(name in scripts, name)
    block({ text: 'npm start #' })
  })

  test('a first program: prints what the page shows', () => {
    const shown = block({ text: '$ node first.mts' }).code
    assert.equal(`$ node first.mts\n${run({ file: 'first.mts' })}`, shown)
  })

  test('two machines: the commands and the program work between two addresses', { timeout: 60_000 }, async () => {
    const services = block({ text: 'npx rfaas manager' })
    const commands = block({ text: 'npx rfaas nodes' })
    const argsOf = ({ code }: CodeBlock, url = MANAGER): string[][] =>
      code
        .trim()
        .split('\n')
        .map((line) => line.replace(/^npx rfaas /, '').replaceAll(MANAGER, url))
        .map((line) => line.replaceAll('10.0.0.', '127.0.0.').split(' '))
    const options = { env: user.env, cwd: user.path }
    await using manager = new Service([...argsOf(services)[0]!, '--port', '0', '--json'], options)
    const { url } = await manager.ready<{ url: string }>()
    await using node = new Service([...argsOf(services, url)[1]!, '--json'], options)
    const { url: nodeUrl } = await node.ready<{ url: string }>()
    assert.equal(new URL(nodeUrl).hostname, '127.0.0.2')
    user.write('first.mts', block({ file: 'first.mts' }).code)
    const [nodes, invoke] = argsOf(commands, url)
    assert.match((await rfaas(nodes!, options)).stdout, /127\.0\.0\.2/)
    const { stdout, stderr } = await rfaas(invoke!, options)
    assert.equal(stdout, '144\n', stderr)
    assert.equal(
      run({ file: 'second.mts' }, (code) => code.replaceAll(MANAGER, url)),
      '144\n',
    )
    for (const service of [node, manager]) assert.equal((await service.stop('SIGTERM')).code, 0)
  })

  test('three ways to call: each gives its result', () => {
    assert.equal(run({ file: 'ways.mts' }), '9\n[ 1, 4, 9 ]\nUint8Array(4) [ 1, 2, 3, 4 ]\n')
  })

  test('has no other code', () => {
    const rest = codeBlocksOf(PAGE).filter(({ code, language }) => language !== '' && !tested.has(code))
    assert.deepEqual(rest, [])
  })
})
