import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { EXIT, exitCodeOf, firstOf, sentenceOf } from '../packages/rfaas/src/cli/exit.ts'
import { createProgram } from '../packages/rfaas/src/cli/program.ts'
import { LAUNCHER, rfaas, Service } from './cli-process.ts'
import { leftAfter, processesOf } from './marked-processes.ts'

const MODULE = fileURLToPath(new URL('cli-functions.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'rfaas-cli-'))
/** Ends the wait for processes that do not end; the kernel takes a moment to remove one. */
const LEFT_MS_MAX = 30_000
after(() => rmSync(folder, { recursive: true }))

interface Up {
  kind: string
  url: string
  nodeId: string
  nodeUrl: string
  fabrics: string[]
  pid: number
}

/** `rfaas up` on a free port; all its processes carry `marked` in their environment. */
async function startUp(marked: string = mkdtempSync(join(folder, 'up-'))) {
  const service = new Service(['up', '--port', '0', '--pool', '0', '--cores', '2', '--memory-mib', '1GiB', '--json'], {
    env: { TMPDIR: marked },
  })
  return { service, marked, ...(await service.ready<Up>()) }
}

const leasesAt = async (url: string): Promise<{ state: string; end: string | null; nodeId: string }[]> =>
  JSON.parse((await rfaas(['leases', '--all', '--json', '--manager', url])).stdout)

test('up invokes, and at Ctrl-C drains and leaves nothing', async () => {
  const { service, marked, url, kind, pid, fabrics } = await startUp()
  await using _ = service
  assert.equal(kind, 'up')
  assert.equal(pid, service.pid)
  assert.ok(fabrics.includes('local'))
  const sum = await rfaas(['invoke', MODULE, 'add', '--data', '[40, 2]', '--args', '--manager', url])
  assert.deepEqual(sum, { code: 0, signal: null, stdout: '42\n', stderr: '' })
  // An invocation that is still running when Ctrl-C comes.
  await using busy = new Service(['invoke', MODULE, 'never', '--manager', url])
  while (!(await leasesAt(url)).some((lease) => lease.state === 'active')) assert.equal(busy.child.exitCode, null)
  const stopped = await service.stop('SIGINT')
  assert.deepEqual({ code: stopped.code, stderr: stopped.stderr }, { code: 0, stderr: '' })
  assert.deepEqual(await leftAfter(marked, LEFT_MS_MAX), [])
  const lost = await busy.finished()
  assert.equal(lost.code, 1)
  assert.match(
    lost.stderr,
    /^rfaas: .* \[(lease_retrieved|node_lost|executor_lost|node_unreachable|manager_unreachable)\]\n$/,
  )
})

test('up tells a person what to type next, and that works', async () => {
  await using service = new Service(['up', '--port', '0', '--pool', '0', '--cores', '1'])
  const url = /^rfaas is up: (\S+)$/.exec(await service.line())?.[1]
  assert.ok(url)
  const lines = [await service.line(), await service.line(), await service.line(), await service.line()]
  assert.match(lines[0]!, /^Node \S+ offers 1 core and .* over local/)
  const shown = [await service.line(), await service.line()]
  const work = mkdtempSync(join(folder, 'shown-'))
  const [, source, file] = /^ {2}echo '(.*)' > (.*)$/.exec(shown[0]!)!
  writeFileSync(join(work, file!), source!)
  const [program, ...args] = shown[1]!.trim().split(' ')
  assert.equal(program, 'rfaas')
  assert.ok(args.includes(url))
  const { code, stdout, stderr } = await rfaas(args, { cwd: work })
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '144\n', stderr: '' })
  assert.equal((await service.stop('SIGTERM')).code, 0)
})

test('manager, node, nodes, invoke and leases work together as processes of their own', async () => {
  const marked = mkdtempSync(join(folder, 'apart-'))
  const env = { TMPDIR: marked }
  await using manager = new Service(['manager', '--port', '0', '--data', join(marked, 'manager.db'), '--json'], { env })
  const { kind, url, pid } = await manager.ready<{ kind: string; url: string; pid: number }>()
  assert.deepEqual({ kind, pid }, { kind: 'manager', pid: manager.pid })
  const asked = { env: { RFAAS_MANAGER: url } }

  const none = await rfaas(['nodes'], asked)
  assert.equal(none.stdout, `No node has registered at ${url}; start one: rfaas node --manager ${url}\n`)
  assert.equal((await rfaas(['leases'], asked)).stdout, 'No lease is open; --all lists the closed ones too.\n')
  assert.equal((await rfaas(['leases', '--json'], asked)).stdout, '[]\n')

  const offer = ['--cores', '2', '--memory-mib', '1024', '--resource', 'gpu=1', '--label', 'zone=a']
  const nodeArgs = ['node', '--name', 'n-1', ...offer, '--fabrics', 'local,tcp', '--json']
  await using node = new Service(nodeArgs, { env: { ...env, RFAAS_MANAGER: url } })
  const ready = await node.ready<{ kind: string; nodeId: string; url: string; fabrics: string[]; pid: number }>()
  assert.deepEqual(ready, { kind: 'node', nodeId: 'n-1', url: ready.url, fabrics: ['local', 'tcp'], pid: node.pid })

  const [listed] = JSON.parse((await rfaas(['nodes', '--json'], asked)).stdout) as [Record<string, unknown>]
  const { nodeId, state, cores, coresFree, memoryMib } = listed
  assert.deepEqual(
    { nodeId, state, cores, coresFree, memoryMib },
    { nodeId: 'n-1', state: 'ready', cores: 2, coresFree: 2, memoryMib: 1024 },
  )
  const table = (await rfaas(['nodes'], asked)).stdout
  assert.match(
    table,
    /^NODE +STATE +CORES FREE .*\nn-1 +ready +2\/2 +1 GiB\/1 GiB +gpu 1\/1 +[01]\/1(?: \(\d+ MiB\))? +zone=a +local, tcp +local +/,
  )

  for (const fabric of ['local', 'tcp']) {
    const where = ['--fabric', fabric, '--resource', 'gpu=1', '--label', 'zone=a']
    const run = await rfaas(['invoke', MODULE, 'add', '--data', '[1,2]', '--args', ...where, '--json'], asked)
    const outcome = JSON.parse(run.stdout) as {
      result: number
      lease: { nodeId: string; fabric: string }
      usage: { invocations: number }
    }
    assert.deepEqual([outcome.result, outcome.lease.nodeId, outcome.lease.fabric], [3, 'n-1', fabric])
    assert.equal(outcome.usage.invocations, 1)
  }
  const leases = await leasesAt(url)
  assert.deepEqual(
    leases.map(({ state, end }) => ({ state, end })),
    Array(2).fill({ state: 'closed', end: 'released' }),
  )
  assert.match((await rfaas(['leases', '--all'], asked)).stdout, /^LEASE .*\n.* n-1 .*closed: released/)

  assert.deepEqual((await node.stop('SIGTERM')).code, 0)
  assert.equal((await rfaas(['nodes', '--json'], asked)).stdout, '[]\n')
  assert.deepEqual((await manager.stop('SIGINT')).code, 0)
  assert.deepEqual(await leftAfter(marked, LEFT_MS_MAX), [])
})

test('invoke passes the bytes of a raw function through, from standard input and into files', async () => {
  const { service, url } = await startUp()
  await using _ = service
  const every = Uint8Array.from({ length: 256 }, (_, index) => index)
  const input = join(folder, 'every-byte')
  const output = join(folder, 'inverted')
  writeFileSync(input, every)
  const call = ['invoke', MODULE, 'invert', '--manager', url]
  const intoFile = await rfaas([...call, '--file', input, '--out', output])
  assert.deepEqual(intoFile, { code: 0, signal: null, stdout: '', stderr: '' })
  assert.deepEqual(new Uint8Array(readFileSync(output)), every.toReversed())
  // Inverted twice, over standard input and output, in bytes that are also text.
  const piped = await rfaas([...call, '--file', '-'], { input: Uint8Array.from([0x96, 0x93]) })
  assert.deepEqual(piped, { code: 0, signal: null, stdout: 'il', stderr: '' })
  const large = new Uint8Array(3_000_000).fill(0x9e)
  const { stdout } = await rfaas([...call, '--file', '-'], { input: large })
  assert.equal(stdout.length, large.length)
  assert.ok(!/[^a]/.test(stdout))
})

test('invoke --local needs no cluster; --repeat prints latencies beside the result', async () => {
  const marked = mkdtempSync(join(folder, 'local-'))
  const options = { env: { TMPDIR: marked } }
  const one = await rfaas(['invoke', '--local', MODULE, 'describe', '--data', '{"a":[1,2]}'], options)
  assert.deepEqual(one, { code: 0, signal: null, stdout: '{"type":"object","value":{"a":[1,2]}}\n', stderr: '' })
  const many = await rfaas(
    ['invoke', '--local', MODULE, 'add', '--data', '[1,2]', '--args', '--repeat', '1000'],
    options,
  )
  assert.deepEqual([many.code, many.stdout], [0, '3\n'])
  assert.match(
    many.stderr,
    /^1000 calls over local, one after another: median [\d.]+ [nµm]?s, p99 [\d.]+ [nµm]?s, first [\d.]+ [nµm]?s\n$/,
  )
  assert.deepEqual(await leftAfter(marked, LEFT_MS_MAX), [])
})

test('invoke releases its lease at Ctrl-C and exits with 130', async () => {
  const { service, url } = await startUp()
  await using _ = service
  await using busy = new Service(['invoke', MODULE, 'never', '--manager', url])
  while (!(await leasesAt(url)).some((lease) => lease.state === 'active')) assert.equal(busy.child.exitCode, null)
  const { code, stdout, stderr } = await busy.stop('SIGINT')
  assert.deepEqual(
    { code, stdout, stderr },
    { code: 130, stdout: '', stderr: 'rfaas: Interrupted before it was done\n' },
  )
  assert.deepEqual(
    (await leasesAt(url)).map(({ state, end }) => ({ state, end })),
    [{ state: 'closed', end: 'released' }],
  )
})

test('what fails is one sentence on standard error and exit code 1', async () => {
  const { service, url } = await startUp()
  await using _ = service
  const { code, stdout, stderr } = await rfaas(['invoke', MODULE, 'fail', '--manager', url])
  assert.deepEqual([code, stdout], [1, ''], stderr)
  assert.match(stderr, /^rfaas: .*RangeError: no such option.*\[function_failed\]\n$/)

  // The others in this process, as main.ts would report them. One after the other, because some lease a core before they
  // fail.
  const invoke = (...args: string[]): string[] => ['invoke', MODULE, ...args, '--manager', url]
  const failures: [string[], RegExp][] = [
    [invoke('missing'), /missing.*add, describe, fail, invert, never.* \[unknown_function\]/],
    [invoke('add', '--cores', '64'), /64.* \[lease_denied\]/],
    [invoke('add', '--node', 'elsewhere'), /elsewhere.* \[lease_denied\]/],
    [invoke('invert', '--file', '/no/such/file'), /Cannot read the input: .*\/no\/such\/file/],
    [['invoke', '/no/such/module.ts', 'f', '--manager', url], /there is no file \/no\/such\/module\.ts/],
    [['nodes', '--manager', 'http://127.0.0.1:1'], /http:\/\/127\.0\.0\.1:1.*rfaas up.* \[manager_unreachable\]/],
    [['node', '--manager', 'http://127.0.0.1:1'], /http:\/\/127\.0\.0\.1:1.* \[manager_unreachable\]/],
    [['manager', '--port', new URL(url).port], /Cannot listen on 127\.0\.0\.1:\d+: the port is in use/],
    [['manager', '--port', '0', '--data', '/dev/null/db'], /\/dev\/null\/db/],
  ]
  for (const [args, sentence] of failures) {
    const error: unknown = await createProgram()
      .parseAsync(args, { from: 'user' })
      .then(
        () => assert.fail(`rfaas ${args.join(' ')} did not fail`),
        (thrown: unknown) => thrown,
      )
    assert.equal(exitCodeOf(firstOf(error)), EXIT.failed)
    const said = sentenceOf(firstOf(error), { advise: true })
    assert.match(said, sentence)
    assert.doesNotMatch(said, /\n/)
  }
  assert.deepEqual(
    (await leasesAt(url)).filter((lease) => lease.state !== 'closed'),
    [],
  )
})

test('a wrong command line is one sentence and exit code 2', async () => {
  const wrong: [string[], string][] = [
    [
      ['manager', '--prot', '1'],
      "rfaas: unknown option '--prot' (Did you mean --port?); rfaas manager --help tells more\n",
    ],
    [
      ['invoke', '--local', MODULE, 'add', '--data', 'nonsense'],
      'rfaas: Cannot read --data: a typed function takes JSON, this is nonsense\n',
    ],
  ]
  for (const [args, sentence] of wrong) {
    assert.deepEqual(await rfaas(args), { code: 2, signal: null, stdout: '', stderr: sentence })
  }
})

test('help is on standard output and fine where it was asked for, and says what exit codes mean', async () => {
  for (const args of [['--help'], ['help'], ['help', 'invoke'], ['invoke', '--help']]) {
    const { code, stdout, stderr } = await rfaas(args)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^Usage: rfaas .*\n(.*\n)*Examples:\n/)
    assert.doesNotMatch(stdout, /die-with-parent/)
  }
  assert.match((await rfaas(['--help'])).stdout, /Exit codes:\n +0 +success.*\n +1 +.*\n +2 +.*\n +130 +/)
  const none = await rfaas([])
  assert.deepEqual([none.code, none.stdout], [2, ''])
  assert.match(none.stderr, /^Usage: rfaas /)
})

test('output that cannot be written is a failure, a reader that has seen enough is none', async () => {
  const onFullDisk = spawn('sh', ['-c', '"$0" "$1" doctor --json > /dev/full', process.execPath, LAUNCHER])
  const [[code], stderr] = await Promise.all([once(onFullDisk, 'close'), text(onFullDisk.stderr)])
  assert.deepEqual([code, stderr], [1, 'rfaas: Cannot write the output: no space left on device, write [ENOSPC]\n'])
  const closed = spawn(process.execPath, [LAUNCHER, 'doctor'], { stdio: ['ignore', 'pipe', 'pipe'] })
  closed.stdout.destroy()
  const [[closedCode], closedStderr] = await Promise.all([once(closed, 'close'), text(closed.stderr)])
  assert.deepEqual([closedCode, closedStderr], [0, ''])
})

test('RFAAS_DEBUG=1 shows the stack and the causes', async () => {
  const { stderr } = await rfaas(['nodes', '--manager', 'http://127.0.0.1:1'], { env: { RFAAS_DEBUG: '1' } })
  assert.match(stderr, /manager_unreachable: .*\n +at .*(\n.*)*Caused by: .*ECONNREFUSED/)
})

test('--die-with-parent ends a manager whose starter is killed', async () => {
  const marked = mkdtempSync(join(folder, 'parent-'))
  const script = `require('node:child_process').spawn(process.execPath,
    [${JSON.stringify(LAUNCHER)}, 'manager', '--port', '0', '--json', '--die-with-parent'], { stdio: 'inherit' })`
  const parent = spawn(process.execPath, ['--eval', script], {
    env: { ...process.env, TMPDIR: marked },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [ready] = (await Promise.race([once(parent.stdout, 'data'), once(parent, 'exit')])) as [unknown]
  assert.match(String(ready), /"kind":"manager"/)
  assert.equal(processesOf(marked).length, 2)
  parent.kill('SIGKILL')
  assert.deepEqual(await leftAfter(marked, LEFT_MS_MAX), [])
})

test('doctor finds what this machine has, for programs and for people', async () => {
  const { code, stdout } = await rfaas(['doctor', '--json'])
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; status: string }[] }
  assert.deepEqual([code, ok], [0, true], stdout)
  const names = [
    'Node.js',
    'native addon',
    'bundler',
    'fabric local',
    'fabric tcp',
    'libfabric',
    '/dev/shm',
    'memlock',
    'cores',
    'memory',
  ]
  for (const name of names)
    assert.ok(
      checks.some((check) => check.name === name),
      name,
    )
  const people = await rfaas(['doctor'])
  assert.match(people.stdout, /^ok +Node\.js +.*\n(.*\n)*\nThis machine can run rfaas\.\n$/)
})
