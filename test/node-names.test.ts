/** Two nodes of one name: the manager never takes one for the other, and who has lost the name ends. */
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NodeState, type Cluster } from 'rfaas'

import { rfaas, Service } from './cli-process.ts'
import type * as Functions from './harness/functions.ts'
import { Scene, type Started } from './harness/scene.ts'
import { becomes, NOTICED_MS_MAX, within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))

describe('two nodes of one name', () => {
  let scene: Scene
  let manager: Started
  let cluster: Cluster
  before(async () => {
    scene = new Scene()
    manager = await scene.manager('--heartbeat-interval', '200ms', '--node-lost-after', '1s')
    cluster = await scene.connect(manager.url)
  })
  after(() => scene[Symbol.asyncDispose]())

  const commandOf = (): string[] => ['node', '--manager', manager.url, '--name', 'gpu-1', '--cores', '1', '--pool', '0']
  const start = async (): Promise<Service> => {
    const node = new Service([...commandOf(), '--json'], { env: { TMPDIR: scene.folder } })
    await node.ready()
    return node
  }
  const lease = () => cluster.lease<typeof Functions>({ functions })
  const states = async (): Promise<NodeState[]> => (await cluster.nodes()).map(({ state }) => state)

  test('the second is refused while the first is alive, and the leases of the first go on', async () => {
    await using first = await start()
    await using workers = await lease()
    const { code, stderr, stdout } = await rfaas(commandOf(), { env: { TMPDIR: scene.folder } })
    assert.deepEqual([code, stdout], [1, ''])
    const sentence =
      /^rfaas: Cannot register node gpu-1: a node of this name at http:\/\/127\.0\.0\.1:\d+ was heard of \d+\.\d s ago; give this node another name, or stop that one \[node_exists\]\n$/
    assert.match(stderr, sentence)
    assert.equal(await workers.call.add(1, 2), 3)
    await workers.release()
    await scene.idle(cluster)
    assert.equal((await first.stop('SIGTERM')).code, 0)
  })

  test('one that was killed has its name again at once, wherever it listens', async () => {
    const first = await start()
    const workers = await lease()
    await workers.call.add(1, 2)
    await first.stop('SIGKILL')
    await using second = await start()
    assert.deepEqual(await states(), [NodeState.READY])
    await workers.release()
    await using again = await lease()
    assert.equal(await again.call.add(1, 2), 3)
    await again.release()
    await scene.idle(cluster)
    assert.equal((await second.stop('SIGTERM')).code, 0)
  })

  test('one that comes back after another has taken its name ends, with its executors, and says why', async () => {
    await using first = await start()
    const workers = await lease()
    await workers.call.add(1, 2)
    first.child.kill('SIGSTOP')
    await becomes([NodeState.LOST], states)
    await using second = await start()
    first.child.kill('SIGCONT')
    const { code, stderr } = await within(NOTICED_MS_MAX, 'ended', first.finished())
    assert.equal(code, 1)
    assert.match(stderr, /all leases are over: .*its run \d+ has registered/)
    assert.match(stderr, /\nrfaas: .* \[node_exists\]\n$/)
    assert.deepEqual(await states(), [NodeState.READY])
    await workers.release()
    await scene.idle(cluster)
    assert.equal((await second.stop('SIGTERM')).code, 0)
  })
})
