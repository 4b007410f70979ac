import { clientEvents, type ClientEvent } from '../client/events.ts'

/**
 * Says when calls go over tcp though nobody asked for it, and why not over RDMA: each reason once, however many leases
 * have it. Until the end of the scope.
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
