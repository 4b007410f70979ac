import type { ManagerClient } from '../control/client.ts'

/** Asks something of the resource manager, and lets go of it. */
export async function askManager<T>(url: string, ask: (rpc: ManagerClient['rpc']) => Promise<T>): Promise<T> {
  const { managerClient } = await import('../control/client.ts')
  const client = managerClient(url)
  try {
    return await ask(client.rpc)
  } finally {
    client.close()
  }
}
