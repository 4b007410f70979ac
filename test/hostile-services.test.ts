/** A manager or a node that answers in good form, and nonsense: its client gets an error with a code, in time. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ConnectRouter } from '@connectrpc/connect'
import { connect, RfaasError, type Cluster } from 'rfaas'

import {
  AllocateResponseSchema,
  ExecutorManagerService,
  ResourceManagerService,
} from '../packages/rfaas/src/control/gen/rfaas_pb.ts'
import { serveControl } from '../packages/rfaas/src/control/server.ts'
import { Random } from './harness/chaos/random.ts'
import { anyMessage } from './harness/doors/messages.ts'
import { within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))
const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)
const ROUNDS = 150
/**
 * Limit for an answer: when a lease is granted and its worker cannot be reached, a connection attempt must time out.
 */
const ANSWER_MS_MAX = 20_000

/** Answers every unary method of both services with any message of its type. */
function nonsense(random: Random, own: { url: string }) {
  const answers = (service: typeof ResourceManagerService | typeof ExecutorManagerService): object =>
    Object.fromEntries(
      service.methods
        .filter(({ methodKind }) => methodKind === 'unary')
        .map(({ localName, output }) => [localName, () => anyMessage(output, random)]),
    )
  return (router: ConnectRouter): void => {
    router.service(ResourceManagerService, {
      ...answers(ResourceManagerService),
      requestLease: () => {
        const made = anyMessage(ResourceManagerService.method.requestLease.output, random)
        // Usually the grant points to the node, which is this test's server.
        for (const grant of made.grants ?? []) {
          if (random.chance(0.2)) continue
          Object.assign((grant.node ??= {}), { controlUrl: own.url })
          grant.node.fabrics = [{ fabric: random.pick(['local', 'tcp']), hostId: 'x', address: '127.0.0.1' }]
          grant.lease ??= {}
        }
        return made
      },
    })
    router.service(ExecutorManagerService, {
      ...answers(ExecutorManagerService),
      allocate: () => anyMessage(AllocateResponseSchema, random),
    })
  }
}

/** Leases and calls, as far as it goes; then everything is given back. */
async function use(cluster: Cluster, name = functions): Promise<void> {
  await using lease = await cluster.lease({ functions: name })
  await lease.call['add']!(1, 2)
}

test(`nonsense in good form is an error with a code (RFAAS_SEED=${seed})`, { timeout: 300_000 }, async () => {
  const random = new Random(seed)
  const own = { url: '' }
  const server = await serveControl({ host: '127.0.0.1', port: 0, routes: nonsense(random, own) })
  own.url = server.url
  const cluster = await connect(server.url)
  for (let round = 0; round < ROUNDS; round++) {
    const works: (() => Promise<unknown>)[] = [
      () => use(cluster),
      () => cluster.leases(),
      () => cluster.nodes(),
      () => cluster.functions(),
      () => cluster.undeploy('pricing'),
      () => use(cluster, 'pricing'),
    ]
    for (const work of works) {
      try {
        await within(ANSWER_MS_MAX, `round ${round}`, work())
      } catch (error) {
        assert.ok(
          error instanceof RfaasError,
          `round ${round}: ${error instanceof Error ? error.stack : String(error)}`,
        )
      }
    }
  }
  await cluster.close()
  await server.close()
})
