import { after, afterEach, before } from 'node:test'
import type { Cluster, Lease, LeaseOptions } from 'rfaas'

import type * as Functions from './functions.ts'
import { Scene } from './scene.ts'

const functions = new URL('./functions.ts', import.meta.url)

/** What the tests of one `describe` share; there from the first test on. */
export interface SharedCluster {
  readonly scene: Scene
  readonly cluster: Cluster
}

export interface Embedded extends SharedCluster {
  /** Leases workers, with the functions of functions.ts by default. */
  lease(options?: Partial<LeaseOptions<typeof Functions>>): Promise<Lease<typeof Functions>>
}

/**
 * Called in a `describe`: gives all its tests one manager and one node in this process, and ends them. For tests that share
 * leases, too.
 */
export function sharedCluster(options: Parameters<Scene['embedded']>[0] = {}): SharedCluster {
  let scene: Scene
  let cluster: Cluster
  before(async () => {
    scene = new Scene()
    cluster = await scene.embedded(options)
  })
  after(() => scene[Symbol.asyncDispose]())
  return {
    get scene() {
      return scene
    },
    get cluster() {
      return cluster
    },
  }
}

/** As {@link sharedCluster}, and checks after each test that nothing is leased or left. */
export function embedded(options: Parameters<Scene['embedded']>[0] = {}): Embedded {
  const here = sharedCluster(options)
  afterEach(() => here.scene.idle(here.cluster))
  return {
    get scene() {
      return here.scene
    },
    get cluster() {
      return here.cluster
    },
    lease: (more = {}) => here.cluster.lease<typeof Functions>({ functions, ...more }),
  }
}
