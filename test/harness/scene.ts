import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  connect,
  startNode,
  startResourceManager,
  type Cluster,
  type ConnectOptions,
  type NodeOptions,
  type ResourceManagerOptions,
} from 'rfaas'

import { Service } from '../cli-process.ts'
import { FABRICS } from './fabrics.ts'
import { processesOf, type MarkedProcess } from '../marked-processes.ts'
import { ClientProcess } from './client-process.ts'
import { leftSince, lookForTraces, type Traces } from './traces.ts'
import { becomes } from './waiting.ts'

/** A manager or node in a process of its own, once it is ready. */
export interface Started {
  readonly service: Service
  readonly url: string
  readonly pid: number
}

/** Capacity of one node; enough for most tests. Nodes have no pool, so every executor belongs to a lease. */
const CORES = 2
const MEMORY_MIB = 4096

/**
 * The managers, nodes and clients of one test or test file, in their own processes or embedded in this one, and all
 * that they start. Disposing of it stops everything, and fails when a process, a listening port, shared memory or a
 * file in /dev/shm is left.
 */
export class Scene implements AsyncDisposable {
  /** TMPDIR of all processes of the scene, by which they are found even when orphaned. Also for files of the test. */
  readonly folder: string = mkdtempSync(join(tmpdir(), 'rfaas-scene-'))
  readonly #before: Traces = lookForTraces()
  readonly #temporaryFolder = process.env['TMPDIR']
  readonly #stack = new AsyncDisposableStack()
  #gates = 0

  constructor() {
    // An embedded node's executors inherit TMPDIR from this process.
    process.env['TMPDIR'] = this.folder
  }

  /** Starts a manager and one node in this process, with the given options, and connects to them. */
  async embedded(options: { manager?: ResourceManagerOptions; node?: Partial<NodeOptions> } = {}): Promise<Cluster> {
    const manager = await startResourceManager({ port: 0, ...options.manager })
    this.#stack.defer(() => manager.close())
    this.#stack.use(
      await startNode({
        managerUrl: manager.url,
        nodeId: 'embedded',
        cores: CORES,
        memoryMib: MEMORY_MIB,
        cacheDir: join(this.folder, 'bundles'),
        pool: 0,
        ...(FABRICS.includes('threads') ? { fabrics: FABRICS } : {}),
        ...options.node,
      }),
    )
    return this.connect(manager.url)
  }

  /** A gate for functions that run until the test opens it. */
  gate(): { readonly path: string; open(): void } {
    const path = join(this.folder, `gate-${++this.#gates}`)
    return { path, open: () => writeFileSync(path, '') }
  }

  async connect(url: string, options: ConnectOptions = {}): Promise<Cluster> {
    return this.#stack.use(await connect(url, options))
  }

  /** @param args as on the command line; with --port, to restart at the port of an earlier one */
  manager(...args: string[]): Promise<Started> {
    return this.managerOn([], ...args)
  }

  /** @param prefix words to put before the command, from a {@link Host} */
  managerOn(prefix: readonly string[], ...args: string[]): Promise<Started> {
    const port = args.includes('--port') ? [] : ['--port', '0']
    return this.#service(prefix, 'manager', ...port, ...args)
  }

  node(managerUrl: string, name: string, ...args: string[]): Promise<Started> {
    return this.nodeOn([], managerUrl, name, ...args)
  }

  nodeOn(prefix: readonly string[], managerUrl: string, name: string, ...args: string[]): Promise<Started> {
    const own = ['--manager', managerUrl, '--name', name, '--cache', join(this.folder, `bundles-${name}`)]
    const pool = args.includes('--pool') ? [] : ['--pool', '0']
    const offer = ['--cores', String(CORES), '--memory-mib', `${MEMORY_MIB}`]
    return this.#service(prefix, 'node', ...own, ...offer, ...pool, ...args)
  }

  async client(managerUrl: string, prefix: readonly string[] = []): Promise<ClientProcess> {
    return this.#stack.use(await ClientProcess.start(managerUrl, this.folder, prefix))
  }

  /** The running executor processes of all nodes. */
  executors(): MarkedProcess[] {
    return processesOf(this.folder).filter(({ args }) => args.some((arg) => /\/executor\/main\.m?[jt]s$/.test(arg)))
  }

  executorPids(): number[] {
    return this.executors().map(({ pid }) => pid)
  }

  /**
   * Waits until the cluster is idle: no executor, no open lease, and the whole capacity of every node free. Fails when
   * it does not become so.
   */
  async idle(cluster: Cluster): Promise<void> {
    await becomes([], () => this.executorPids())
    await becomes([], async () => (await cluster.leases()).map(({ leaseId, state }) => ({ leaseId, state })))
    // What is held by a node that is not idle.
    await becomes([], async () =>
      (await cluster.nodes())
        .filter((node) => node.coresFree !== node.cores || node.memoryMibFree !== node.memoryMib)
        .map(({ nodeId, coresFree, memoryMibFree }) => ({ nodeId, coresFree, memoryMibFree })),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#stack.disposeAsync().catch((error: unknown) => {
        throw new AggregateError(unfold(error), 'not everything could be stopped')
      })
      const processes = (): MarkedProcess[] => processesOf(this.folder).filter((found) => !isBundler(found))
      await becomes([], processes).finally(() => {
        for (const { pid } of processes()) process.kill(pid, 'SIGKILL')
      })
      await becomes([], () => leftSince(this.#before))
    } finally {
      if (this.#temporaryFolder === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = this.#temporaryFolder
      rmSync(this.folder, { recursive: true, force: true })
    }
  }

  async #service(prefix: readonly string[], ...args: string[]): Promise<Started> {
    const service = new Service([...args, '--json', '--die-with-parent', '--log-level', 'error'], {
      env: { TMPDIR: this.folder },
      prefix,
    })
    this.#stack.defer(async () => {
      service.child.kill('SIGTERM')
      const { code, signal, stderr } = await service.finished()
      // Services that a test has killed on purpose are not checked.
      if (signal !== 'SIGKILL') assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, args.join(' '))
    })
    const { url } = await service.ready<{ url: string }>()
    return { service, url, pid: service.pid }
  }
}

/** esbuild's service process does all bundling for one process, here this one, and ends with it. */
function isBundler({ parentPid, args }: MarkedProcess): boolean {
  return parentPid === process.pid && args[0]!.endsWith('/bin/esbuild')
}

/** The errors nested in a SuppressedError; Node does not print them by itself. */
function unfold(error: unknown): unknown[] {
  return error instanceof SuppressedError ? [...unfold(error.suppressed), ...unfold(error.error)] : [error]
}
