/** A program with its own cluster from local(), and a lease from it, in its own process; obeys its parent's orders. */
import { dieWithParent, local } from 'rfaas'

import type * as Functions from './functions.ts'

export type Order = 'call' | 'exit' | 'throw' | 'renewed'

const functions = new URL('./functions.ts', import.meta.url)
const durationMs = Number(process.argv[2])

dieWithParent()
const cluster = await local({ cores: 1, memoryMib: 1024, pool: 1 })
const lease = await cluster.lease<typeof Functions>({ functions, durationMs })

const orders: Record<Order, () => unknown> = {
  call: () => lease.call.add(1, 2),
  exit: () => process.exit(3),
  throw: () => setImmediate(() => {
    throw new Error('uncaught, as told')
  }), // prettier-ignore
  renewed: async () => {
    const beforeMs = lease.expires.getTime()
    while (lease.expires.getTime() === beforeMs) await new Promise((resolve) => setTimeout(resolve, 10))
    return 'renewed'
  },
}

process.on('message', (order: Order) => {
  Promise.resolve(orders[order]()).then(
    (value) => process.send!({ value }),
    (error: Error) => process.send!({ error: error.message }),
  )
})
process.send!({ value: 'ready' })
