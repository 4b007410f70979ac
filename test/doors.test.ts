/** Whatever somebody sends to a port of a manager or a node: the service goes on, and answers the next good call. */
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import * as http2 from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Cluster, RfaasError } from 'rfaas'

import { executorManagerClient, managerClient } from '../packages/rfaas/src/control/client.ts'
import { ExecutorManagerService, ResourceManagerService } from '../packages/rfaas/src/control/gen/rfaas_pb.ts'
import { Random } from './harness/chaos/random.ts'
import { error } from './harness/codes.ts'
import { ATTACKS, type Door } from './harness/doors/attacks.ts'
import { anyMessage } from './harness/doors/messages.ts'
import type * as Functions from './harness/functions.ts'
import { Scene, type Started } from './harness/scene.ts'
import { NOTICED_MS_MAX, within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))
const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)
const ROUNDS = Number(process.env['RFAAS_DOOR_ROUNDS'] ?? 25)

const portOf = ({ url }: Started): number => Number(new URL(url).port)
const pathsOf = ({ typeName, methods }: typeof ResourceManagerService | typeof ExecutorManagerService): string[] =>
  methods.map(({ name }) => `/${typeName}/${name}`)

describe('the ports of a manager and a node', () => {
  let scene: Scene
  let cluster: Cluster
  let doors: { name: string; service: Started; door: Door; isWell: () => Promise<void> }[]

  before(async () => {
    scene = new Scene()
    const manager = await scene.manager()
    const node = await scene.node(manager.url, 'node-1', '--label', 'is=real')
    cluster = await scene.connect(manager.url)
    doors = [
      {
        name: 'manager',
        service: manager,
        door: { port: portOf(manager), paths: pathsOf(ResourceManagerService) },
        isWell: async () => {
          assert.ok((await cluster.nodes()).some(({ nodeId }) => nodeId === 'node-1'))
        },
      },
      {
        name: 'node',
        service: node,
        door: { port: portOf(node), paths: pathsOf(ExecutorManagerService) },
        isWell: async () => {
          const client = executorManagerClient(node.url)
          await assert.rejects(client.rpc.hasBundle({ token: 'none' }), error('token_refused')).finally(client.close)
        },
      },
    ]
  })
  after(() => scene[Symbol.asyncDispose]())

  for (const index of [0, 1]) {
    const name = index === 0 ? 'manager' : 'node'

    test(`the ${name}: an authority that is no host is answered`, async () => {
      const { service, door, isWell } = doors[index]!
      for (const authority of ['x:y', '[x', '::1:7994']) {
        for (const path of [...door.paths, '/none']) {
          const session = http2.connect(`http://127.0.0.1:${door.port}`)
          session.on('error', () => {})
          const pseudo = { ':method': 'POST', ':path': path, ':authority': authority }
          const stream = session.request({ ...pseudo, 'content-type': 'application/connect+proto' })
          stream.on('error', () => {})
          stream.end()
          const [headers] = await within(NOTICED_MS_MAX, `an answer to ${authority}`, once(stream, 'response'))
          assert.ok(headers[':status'] >= 200)
          session.destroy()
        }
      }
      await isWell()
      assert.equal(service.service.child.exitCode, null)
    })

    test(`the ${name}: nonsense in good form, ${ROUNDS} times each method (RFAAS_SEED=${seed})`, async () => {
      const { service, isWell } = doors[index]!
      const random = new Random(seed)
      const { rpc, close } = index === 0 ? managerClient(service.url) : executorManagerClient(service.url)
      const calls = rpc as unknown as Record<string, (request: object, options: object) => Promise<unknown>>
      const { methods } = index === 0 ? ResourceManagerService : ExecutorManagerService
      for (const { localName, methodKind, input } of methods.filter((method) => method.methodKind === 'unary')) {
        for (let round = 0; round < ROUNDS; round++) {
          const call = calls[localName]!(anyMessage(input, random), { timeoutMs: 100 })
          // Any error is fine as long as the caller gets it and it is not an internal one.
          await call.catch((error: unknown) => assert.notEqual((error as RfaasError).code, 'internal', String(error)))
        }
        await within(NOTICED_MS_MAX, `a good call after ${methodKind} ${localName}`, isWell())
        assert.equal(service.service.child.exitCode, null)
      }
      close()
    })

    for (const [kind, attack] of Object.entries(ATTACKS)) {
      test(`the ${name}: ${kind}, ${ROUNDS} times (RFAAS_SEED=${seed})`, async () => {
        const { service, door, isWell } = doors[index]!
        const random = new Random(seed)
        for (let round = 0; round < ROUNDS; round++) {
          await attack(door, random)
          await within(NOTICED_MS_MAX, `a good call after round ${round}`, isWell())
          assert.equal(service.service.child.exitCode, null)
        }
      })
    }
  }

  test('leases are served as before', async () => {
    await using lease = await cluster.lease<typeof Functions>({ functions, labels: { is: 'real' } })
    assert.equal(await lease.call.add(1, 2), 3)
  })
})
