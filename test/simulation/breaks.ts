import type { Executor, TakenExecutor } from '../../packages/rfaas/src/executor-manager/executors.ts'
import type { NodeParts } from '../../packages/rfaas/src/executor-manager/wiring.ts'
import { CLOSED_LEASES, LAST_FENCE, NODES, OPEN_LEASES } from '../../packages/rfaas/src/resource-manager/records.ts'
import type { Commit, Store } from '../../packages/rfaas/src/resource-manager/store.ts'
import type { ManagerParts } from '../../packages/rfaas/src/resource-manager/wiring.ts'
import type { Process } from './host.ts'

/** A planted bug, made by changing the parts that the real code is built from. */
export interface Break {
  readonly manager: (parts: ManagerParts) => ManagerParts
  readonly node: (parts: NodeParts, process: Process) => NodeParts
}

export const NO_BREAK: Break = { manager: (parts) => parts, node: (parts) => parts }

/** Planted bugs by name; the simulation finds each of them. */
export const BREAKS: Readonly<Record<string, Break>> = {
  /** When two leases on a node are granted at once, the second commit does not notice the first. */
  'double-grant': onCommit((commit) => ({ ...commit, conditions: without(commit.conditions, NODES) })),

  /** The capacity that a lease takes is not reserved on its node. */
  'grant-not-counted': onCommit((commit) => (isGrant(commit) ? withoutNodes(commit) : commit)),

  /** The cores of a closed lease are not returned. */
  'forgotten-release': onCommit((commit) => (isClosing(commit) ? withoutNodes(commit) : commit)),

  /** A grant is answered but never written to the store. */
  'unwritten-grant': onManagerStore((store) => ({
    ...store,
    commit: async (commit) => (isGrant(commit) ? true : store.commit(commit)),
  })),

  /** A restarted manager counts its fences from 1 again. */
  'fences-from-one': onManagerStore((store) => {
    let isFirst = true
    return {
      ...store,
      get: async (key) => {
        const entry = await store.get(key)
        if (key !== LAST_FENCE || !isFirst || entry === null) return entry
        isFirst = false
        return { ...entry, value: '0' }
      },
    }
  }),

  /** Every lease is closed as released, whatever ended it. */
  'reason-rewritten': onCommit((commit) => ({
    ...commit,
    changes: new Map(
      [...commit.changes].map(([key, value]) => {
        if (!key.startsWith(CLOSED_LEASES) || value === null) return [key, value]
        return [key, JSON.stringify({ ...(JSON.parse(value) as object), end: 'released' })]
      }),
    ),
  })),

  /** A node is declared lost when one heartbeat is late. */
  'lost-too-early': { ...NO_BREAK, manager: (parts) => ({ ...parts, nodeLostAfterMs: parts.heartbeatIntervalMs }) },

  /** The manager never sweeps what is due. */
  'never-swept': { ...NO_BREAK, manager: (parts) => ({ ...parts, clock: { ...parts.clock, after: () => () => {} } }) },

  /** A node accepts tokens that are out of date. */
  'stale-fence': onClaims((claims) => ({ ...claims, fence: Number.MAX_SAFE_INTEGER })),

  /** A node believes that leases last longer than they do: by two seconds. */
  'late-expiry': onClaims((claims) => ({ ...claims, exp: (claims['exp'] as number) + 2 })),

  /** A node accepts any signature. */
  'forged-token': {
    ...NO_BREAK,
    node: (parts) => ({
      ...parts,
      importPublicKey: async () => ({
        verify: async (token) => new TextEncoder().encode(token.slice(0, token.lastIndexOf('#'))),
      }),
    }),
  },

  /** A node compares the expiry of leases with its own clock, and so is wrong by the clock skew. */
  'expiry-by-own-clock': onAnswers((answer, process) => ({ ...answer, nowUnixMs: process.clock.nowUnixMs() })),

  /** A node ignores the manager's list of closed leases. */
  'closed-not-heard': onAnswers((answer) => ({ ...answer, closedLeaseIds: [] })),

  /** A node ignores retrievals. */
  'retrieval-not-heard': onAnswers((answer) => ({ ...answer, retrievals: [] })),

  /** Registrations, heartbeats and deregistrations do not carry the run of the node. */
  'runs-not-numbered': {
    ...NO_BREAK,
    node: (parts) => {
      const { rpc } = parts.manager
      const changed = {
        registerNode: (...[request, options]: Parameters<typeof rpc.registerNode>) =>
          rpc.registerNode({ ...request, run: 0 }, options),
        heartbeat: (...[request, options]: Parameters<typeof rpc.heartbeat>) =>
          rpc.heartbeat({ ...request, run: 0 }, options),
        deregisterNode: (...[request, options]: Parameters<typeof rpc.deregisterNode>) =>
          rpc.deregisterNode({ ...request, run: 0 }, options),
      }
      return { ...parts, manager: { rpc: { ...rpc, ...changed } as typeof rpc } }
    },
  },

  /** A second stop with a shorter grace has no effect on an executor that is stopping. */
  'stop-not-hastened': onExecutors((executor) => {
    let isStopping = false
    return {
      stop: (graceMs) => {
        if (isStopping) return executor.exited
        isStopping = true
        return executor.stop(graceMs)
      },
    }
  }),

  /** An executor ignores drain and stop. */
  'executor-goes-on': onExecutors(() => ({
    drain: () => {},
    stop: async () => ({ code: 0, how: 'ended with code 0' }),
  })),
}

function onManagerStore(change: (store: Store) => Store): Break {
  return { ...NO_BREAK, manager: (parts) => ({ ...parts, store: change(parts.store) }) }
}

function onCommit(change: (commit: Commit) => Commit): Break {
  return onManagerStore((store) => ({ ...store, commit: (commit) => store.commit(change(commit)) }))
}

function isGrant({ changes }: Commit): boolean {
  return changes.has(LAST_FENCE) && [...changes.keys()].some((key) => key.startsWith(NODES))
}

function isClosing({ changes }: Commit): boolean {
  return [...changes].some(([key, value]) => key.startsWith(OPEN_LEASES) && value === null)
}

function withoutNodes(commit: Commit): Commit {
  return { ...commit, changes: without(commit.changes, NODES) }
}

function without<T>(map: ReadonlyMap<string, T>, ...prefixes: string[]): Map<string, T> {
  return new Map([...map].filter(([key]) => !prefixes.some((prefix) => key.startsWith(prefix))))
}

/** Changes the claims that nodes read from tokens. */
function onClaims(change: (claims: Record<string, unknown>) => object): Break {
  const node = (parts: NodeParts): NodeParts => ({
    ...parts,
    importPublicKey: async (jwk) => {
      const key = await parts.importPublicKey(jwk)
      return {
        verify: async (token) => {
          const claims = JSON.parse(new TextDecoder().decode(await key.verify(token))) as Record<string, unknown>
          return new TextEncoder().encode(JSON.stringify(change(claims)))
        },
      }
    },
  })
  return { ...NO_BREAK, node }
}

/** Changes the manager's answers to nodes. */
function onAnswers(change: (answer: object, process: Process) => object): Break {
  const node = (parts: NodeParts, process: Process): NodeParts => {
    const { rpc } = parts.manager
    const changed = {
      registerNode: async (...asked: Parameters<typeof rpc.registerNode>) =>
        change(await rpc.registerNode(...asked), process),
      heartbeat: async (...asked: Parameters<typeof rpc.heartbeat>) => change(await rpc.heartbeat(...asked), process),
    }
    return { ...parts, manager: { rpc: { ...rpc, ...changed } as typeof rpc } }
  }
  return { ...NO_BREAK, node }
}

/** Changes the executors that nodes use. */
function onExecutors(change: (executor: Executor) => Partial<Executor>): Break {
  const node = (parts: NodeParts): NodeParts => {
    const { pool } = parts
    const take = (...asked: Parameters<typeof pool.take>): TakenExecutor => {
      const taken = pool.take(...asked)
      const { process } = taken
      const changed: Executor = {
        kind: process.kind,
        exited: process.exited,
        lastOutput: process.lastOutput,
        onExit: (listener) => process.onExit(listener),
        start: (order) => process.start(order),
        ready: (timeoutMs) => process.ready(timeoutMs),
        park: (graceMs) => process.park(graceMs),
        drain: () => process.drain(),
        stop: (graceMs) => process.stop(graceMs),
        ...change(process),
      }
      return { ...taken, process: changed }
    }
    return { ...parts, pool: { state: pool.state, take } }
  }
  return { ...NO_BREAK, node }
}
