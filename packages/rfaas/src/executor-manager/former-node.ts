import { connect } from 'node:net'

/** What a node finds at the URL of another node that has registered under its name. */
export type FormerNodeState =
  /** Something listens there. */
  | 'alive'
  /** Its machine says that nothing listens there: the node has ended. */
  | 'gone'
  /** Its machine does not answer. */
  | 'silent'

/**
 * Looks whether the node with this control URL still runs. The node that wants its name asks, not the resource manager: a
 * manager that connected to any URL that it is told could be made to attack others.
 */
export async function findFormerNode(controlUrl: string, timeoutMs: number): Promise<FormerNodeState> {
  const { hostname, port } = new URL(controlUrl)
  const { promise, resolve } = Promise.withResolvers<FormerNodeState>()
  const socket = connect({ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) })
  socket.setTimeout(timeoutMs, () => resolve('silent'))
  socket.once('connect', () => resolve('alive'))
  socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED' ? 'gone' : 'silent'))
  try {
    return await promise
  } finally {
    socket.destroy()
  }
}
