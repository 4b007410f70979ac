import type { ManagerClient } from '../control/client.ts'

/** Opens a client of the resource manager for `ask`, and closes it afterwards. */
export async function askManager<T>(url: string, ask: (rpc: ManagerClient['rpc']) => Promise<T>): Promise<T> {
  const { managerClient } = await import('../control/client.ts')
  const client = managerClient(url)
  try {
    return await ask(client.rpc)
  } finally {
    client.close()
  }
}
