import { startNode } from '../executor-manager/node.ts'
import { startResourceManager } from '../resource-manager/manager.ts'
import { connectWith, type Cluster } from './cluster.ts'

export interface LocalOptions {
  /** Cores to lease from. Default: as many as the machine has. */
  cores?: number
  /** Memory to lease from. Default: half of the machine's. */
  memoryMib?: number
  /**
   * Executors to keep ready, so that a lease need not wait for the start of a process. Default: 1, or 0 where the
   * machine would have little memory left.
   */
  pool?: number
  /**
   * How long, at most, an executor is kept for the next lease, where a lease asks for it (`keepWarmMs`). Default 60,000;
   * 0 keeps none.
   */
  keepWarmMsMax?: number
}

/**
 * A cluster of one machine, for the life of this program: a resource manager (in memory) and a node in this process,
 * on loopback. Executors are processes of their own and end with this one, however it ends.
 *
 * @throws {RfaasError} `invalid_argument`, `unsupported`
 */
export async function local(options: LocalOptions = {}): Promise<Cluster> {
  const manager = await startResourceManager({ port: 0 })
  try {
    const node = await startNode({ managerUrl: manager.url, ...options })
    return await connectWith(manager.url, {}, async () => {
      await node.close()
      await manager.close()
    })
  } catch (error) {
    await manager.close()
    throw error
  }
}
