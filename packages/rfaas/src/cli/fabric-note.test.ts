import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { clientEvents, type FabricChosen } from '../client/events.ts'
import { noteFallbacks } from './fabric-note.ts'

const TCP: FabricChosen = {
  kind: 'fabric-chosen',
  nodeId: 'far',
  fabric: 'tcp',
  address: '10.0.0.2',
  asked: false,
  passedOver: [
    { fabric: 'local', reason: 'the node is on another host' },
    { fabric: 'verbs', reason: 'no RDMA device found' },
  ],
}

test('noteFallbacks says once why calls go over tcp, and nothing of what was asked for or is better', () => {
  const said: string[] = []
  {
    using _notes = noteFallbacks((line) => said.push(line))
    const asked: FabricChosen = { ...TCP, nodeId: 'asked', asked: true }
    const verbs: FabricChosen = { ...TCP, nodeId: 'rdma', fabric: 'verbs', passedOver: TCP.passedOver.slice(0, 1) }
    for (const event of [asked, verbs, TCP, TCP]) clientEvents.publish(event)
  }
  clientEvents.publish({ ...TCP, nodeId: 'later' })
  assert.deepEqual(said, ['rfaas: calls to node far go over tcp, not over RDMA (verbs): no RDMA device found\n'])
})
