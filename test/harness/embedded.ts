import { after, afterEach, before } from 'node:test'
import type { Cluster, Lease, LeaseOptions } from 'rfaas'

import type * as Functions from './functions.ts'
import { Scene } from './scene.ts'

const functions = new URL('./functions.ts', import.meta.url)

/** What the tests of one `describe` share; there from the first test on. */
export interface Embedded {
  readonly scene: Scene
  readonly cluster: Cluster
  /** Leases workers, with the functions of functions.ts by default. */
  lease(options?: Partial<LeaseOptions<typeof Functions>>): Promise<Lease<typeof Functions>>
}

/**
 * Called in a `describe`: gives all its tests one manager and one node in this process, checks after each that nothing is
 * leased or left, and ends them.
 */
export function embedded(options: Parameters<Scene['embedded']>[0] = {}): Embedded {
  let scene: Scene
  let cluster: Cluster
  before(async () => {
    scene = new Scene()
    cluster = await scene.embedded(options)
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())
  return {
    get scene() {
      return scene
    },
    get cluster() {
      return cluster
    },
    lease: (more = {}) => cluster.lease<typeof Functions>({ functions, ...more }),
  }
}
