/** The program of a ClientProcess: obeys its parent's orders, and shuts down cleanly when the parent disconnects. */
import { once } from 'node:events'
import { connect, dieWithParent, type Lease, type LeaseOptions } from 'rfaas'

export type Order =
  | { kind: 'lease'; options: LeaseOptions }
  | { kind: 'call' | 'begin'; name: string; args: unknown[] }
  | { kind: 'beginUpdate'; functions: string }
  | { kind: 'release' }

export interface Numbered {
  id: number
  order: Order
}

export interface Answer {
  id: number
  value?: unknown
  error?: string
}

dieWithParent()
const answer = (message: Answer): void => void process.send!(message)

await using cluster = await connect(process.argv[2]!)
let lease: Lease | null = null

async function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'lease':
      lease = await cluster.lease(order.options)
      return { leaseId: lease.id }
    case 'call':
      return lease!.call[order.name]!(...order.args)
    case 'begin':
      void lease!.call[order.name]!(...order.args).catch(() => {})
      return undefined
    case 'beginUpdate':
      void lease!.update(order.functions).catch(() => {})
      return undefined
    case 'release':
      await lease!.release()
      return undefined
  }
}

process.on('message', ({ id, order }: Numbered) => {
  obey(order).then(
    (value) => answer({ id, value }),
    (error: unknown) => answer({ id, error: error instanceof Error ? error.message : String(error) }),
  )
})
answer({ id: 0 })
await once(process, 'disconnect')
