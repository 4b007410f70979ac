import { clientEvents, type ClientEvent } from '../client/events.ts'

/**
 * Writes a line when calls go over tcp though the lease did not ask for it, with the reason why not over RDMA: each
 * line once, however many leases it is about. Stops when it is disposed.
 */
export function noteFallbacks(write: (line: string) => void): Disposable {
  const said = new Set<string>()
  const hear = (message: unknown): void => {
    const line = fallbackOf(message as ClientEvent)
    if (line === null || said.has(line)) return
    said.add(line)
    write(line)
  }
  clientEvents.subscribe(hear)
  return { [Symbol.dispose]: () => void clientEvents.unsubscribe(hear) }
}

function fallbackOf(event: ClientEvent): string | null {
  if (event.kind !== 'fabric-chosen') return null
  const { nodeId, fabric, passedOver, asked } = event
  const verbs = passedOver.find((each) => each.fabric === 'verbs')
  if (fabric !== 'tcp' || asked || verbs === undefined) return null
  return `rfaas: calls to node ${nodeId} go over tcp, not over RDMA (verbs): ${verbs.reason}\n`
}
