import type { ManagerClient } from '../control/client.ts'

/** Asks the resource manager one question. */
export async function listFrom<T>(url: string, ask: (rpc: ManagerClient['rpc']) => Promise<T>): Promise<T> {
  const { managerClient } = await import('../control/client.ts')
  const client = managerClient(url)
  try {
    return await ask(client.rpc)
  } finally {
    client.close()
  }
}
