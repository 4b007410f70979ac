import type { RfaasError } from 'rfaas'
import { RfaasProcess } from './rfaas-process.ts'

export interface NodeOptions {
  name: string
  cores: number
  /** The only fabric over which its workers can be reached. */
  fabric: 'local' | 'tcp' | 'verbs'
}

/** A cluster on this machine: a resource manager and nodes, each a process. */
export interface ClusterProcesses {
  manager: RfaasProcess
  nodes: RfaasProcess[]
  /** Fires as soon as any of the processes is lost; its reason is the RfaasError that says which, and how. */
  lost: AbortSignal
  /**
   * Stops the nodes, which leave in good order, then the manager; none is left when this settles.
   *
   * @param graceMs how long each may take before it is killed
   * @throws {RfaasError} when one of them did not stop by itself
   */
  stop(graceMs: number): Promise<void>
}

/**
 * @param signal gives up the start
 * @throws {RfaasError} `manager_unreachable`, `node_unreachable`; nothing is left running then
 */
export async function startClusterProcesses(
  nodes: readonly NodeOptions[],
  signal: AbortSignal,
): Promise<ClusterProcesses> {
  const loss = new AbortController()
  const watch = (process: RfaasProcess): RfaasProcess => {
    void process.lost.then((error) => loss.abort(error))
    return process
  }
  const givenUp = AbortSignal.any([signal, loss.signal])
  const manager = watch(
    await RfaasProcess.start('The resource manager', ['manager', '--port', '0'], 'manager_unreachable', givenUp),
  )
  const starts = await Promise.allSettled(
    nodes.map(async ({ name, cores, fabric }) => {
      const args = ['node', '--manager', manager.url, '--name', name, '--cores', String(cores), '--fabrics', fabric]
      return watch(await RfaasProcess.start(`The node "${name}"`, args, 'node_unreachable', givenUp))
    }),
  )
  const started = starts.filter((start) => start.status === 'fulfilled').map((start) => start.value)
  const cluster = { manager, nodes: started, lost: loss.signal, stop: (ms: number) => stopAll(manager, started, ms) }
  const failed = starts.find((start) => start.status === 'rejected')
  if (failed === undefined) return cluster
  await cluster.stop(0).catch(() => {})
  throw failed.reason as RfaasError
}

async function stopAll(manager: RfaasProcess, nodes: RfaasProcess[], graceMs: number): Promise<void> {
  const stops = await Promise.allSettled(nodes.map((node) => node.stop(graceMs)))
  stops.push(...(await Promise.allSettled([manager.stop(graceMs)])))
  const failed = stops.find((stop) => stop.status === 'rejected')
  if (failed !== undefined) throw failed.reason as RfaasError
}
