import type { Connection } from '../fabric.ts'
import { attach, openFabric } from '../index.ts'
import { SECRET } from './harness.ts'
import type { PeerSpec } from './peer-spec.ts'

/** Opens the connections of a peer, by connecting or accepting, in the order in which the other side has them. */
export async function openPeer(spec: PeerSpec, tell: (address: string) => void): Promise<Connection[]> {
  const fabric = openFabric(spec.fabric)
  const options = { ...spec.geometry, secret: SECRET }
  const ends: Connection[] = []
  if (spec.address !== null) {
    while (ends.length < spec.connections) ends.push(await fabric.connect(spec.address, options))
    return ends
  }
  const listener = await fabric.listen({ ...options, host: spec.host })
  tell(listener.address)
  while (ends.length < spec.connections) ends.push(attach(await listener.accept()))
  listener.close()
  return ends
}
