// server.ts WAY WORKERS: answers `GET /price?strike=…&paths=…&seed=…`. Prints its URL when it listens. At SIGTERM it answers
// what it has received, gives back its workers, and ends.
import { dieWithParent } from '@rfaas/fabric'
import type { FastifyModule } from './types.ts'
import { WAYS, type WayName } from './ways.ts'
import type { AsianOption } from './work.ts'

const QUERY = {
  type: 'object',
  required: ['strike', 'paths', 'seed'],
  properties: {
    strike: { type: 'number', minimum: 0 },
    paths: { type: 'integer', minimum: 1, maximum: 1_000_000 },
    seed: { type: 'integer' },
  },
}

dieWithParent()
const [way, workers] = process.argv.slice(2)
const pricing = await WAYS[way as WayName](Number(workers))
const { fastify } = (await import('fastify' as string)) as FastifyModule
const app = fastify()
app.get<AsianOption>('/price', { schema: { querystring: QUERY } }, async ({ query }) => pricing.price(query))
app.addHook('onClose', () => pricing.close())
let isEnding = false
// Else a connection on which an answer is under way is kept for further requests, and the server for 72 s with it.
app.addHook('onSend', async (_request, reply) => void (isEnding && reply.header('connection', 'close')))
process.once('SIGTERM', () => {
  isEnding = true
  void app.close()
})
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`)
