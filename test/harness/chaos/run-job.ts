import { AssertionError } from 'node:assert'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as delay } from 'node:timers/promises'
import { RfaasError, type Cluster, type Lease, type LeaseOptions } from 'rfaas'

import type * as Functions from '../functions.ts'
import { NOTICED_MS_MAX, within } from '../waiting.ts'
import type { ClientSetting, Job, Note, Outcome } from './job.ts'
import { Random } from './random.ts'
import { PIECES } from './work.ts'

/** Error codes for the ends of a lease that was not released. */
const ENDS: readonly string[] = ['lease_expired', 'lease_retrieved', 'executor_lost', 'node_lost']
/** Error codes with which each step may fail; all others count as broken. */
const CODES = {
  lease: [...ENDS, 'lease_denied', 'executor_start_failed', 'manager_unreachable', 'node_unreachable', 'token_refused'],
  invocation: ENDS,
  release: ['manager_unreachable'],
} as const satisfies Record<string, readonly string[]>

/** Limit for every step, whichever process is stopped or killed meanwhile. */
const STEP_MS_MAX = 2 * NOTICED_MS_MAX

/** How long a program without a lease keeps asking; longer than a manager or node takes to come back. */
const LEASE_RETRIED_MS = NOTICED_MS_MAX / 6
const RETRY_EVERY_MS = 100

/**
 * Leases, invokes some tens of functions, checks their results, and releases. Never throws: errors are in the outcome.
 *
 * @param onLeased called with the pid of its executor
 */
export async function runJob(
  cluster: Cluster,
  setting: ClientSetting,
  job: Job,
  onLeased: (executorPid: number) => void,
): Promise<Outcome> {
  const outcome: Outcome = {
    job: job.number,
    leaseIds: [],
    right: 0,
    failed: {},
    leaseFailed: null,
    releaseFailed: null,
    broken: [],
    said: [],
    notes: [],
  }
  const random = new Random(job.seed)
  const onEvent = (event: unknown): void => {
    const { kind, leaseId } = event as { kind: string; leaseId: string }
    if (kind === 'lease-replaced') outcome.leaseIds.push(leaseId)
  }
  subscribe('rfaas.client', onEvent)
  try {
    const options = optionsOf(random)
    const attempt = (step: keyof typeof CODES, work: Promise<unknown>): Promise<string | null> =>
      codeOf(step, work, outcome)
    let lease: Lease<typeof Functions> | null = null
    const giveUpMs = performance.now() + LEASE_RETRIED_MS
    do {
      const leasing = cluster.lease<typeof Functions>({ functions: setting.functions, ...options })
      const leased = leasing.then((granted) => (lease = granted))
      outcome.leaseFailed = await attempt('lease', leased)
      if (outcome.leaseFailed !== null) await delay(RETRY_EVERY_MS)
    } while (lease === null && performance.now() < giveUpMs)
    if (lease === null) return outcome
    outcome.leaseIds.push(...(lease as Lease).parts.map(({ id }) => id))
    await attempt(
      'invocation',
      (lease as Lease<typeof Functions>).call.whoAmI().then(({ pid }) => onLeased(pid)),
    )
    await invokeAll(lease, random, options.idempotent === true, setting, outcome)
    if (!job.leaves) outcome.releaseFailed = await attempt('release', (lease as Lease).release())
    return outcome
  } finally {
    unsubscribe('rfaas.client', onEvent)
  }
}

function optionsOf(random: Random): Omit<LeaseOptions, 'functions'> {
  const cores = random.pick([1, 1, 1, 2])
  const waitMs = random.pick([0, 2000, 4000])
  return {
    cores,
    nodes: random.pick([1, 2]),
    // The same as the executors in the pool have.
    memoryMib: 512 * cores,
    fabric: random.pick(['local', 'local', 'tcp']),
    durationMs: random.whole(1000, 2000),
    hotTimeoutMs: random.pick([0, 1, 10]),
    slots: random.whole(2, 4),
    payloadBytesMax: 4096,
    // Most jobs find a kept executor, which takes a hundredth of the time of a new one.
    keepWarmMs: random.pick([0, 5000, 5000, 5000]),
    waitMs,
    priority: random.pick([0, 0, 1]),
    preempt: waitMs > 0 && random.chance(0.5),
    replace: random.chance(0.4),
    idempotent: random.chance(0.4),
  }
}

async function invokeAll(
  lease: Lease<typeof Functions>,
  random: Random,
  mayRunTwice: boolean,
  setting: ClientSetting,
  outcome: Outcome,
): Promise<void> {
  for (let wave = random.whole(5, 9); wave > 0; wave--) {
    const pieces = Array.from({ length: random.whole(1, 6) }, async (_, index) => {
      // Each piece has its own generator, because the seed does not determine the order in which pieces continue.
      const own = new Random(random.whole(0, 2 ** 31 - 1))
      const note = own.chance(0.25)
      const piece = note ? noting(lease, `${outcome.job}.${wave}.${index}`, mayRunTwice) : own.pick(PIECES)(lease, own)
      const code = await codeOf('invocation', piece, outcome)
      if (code === null) outcome.right++
      else outcome.failed[code] = (outcome.failed[code] ?? 0) + 1
    })
    await Promise.all(pieces)
  }

  async function noting(lease: Lease<typeof Functions>, token: string, mayRunTwice: boolean): Promise<void> {
    const note = { token, mayRunTwice, isDone: false }
    outcome.notes.push(note satisfies Note)
    const answer = await lease.call.note(setting.notesPath, token)
    if (answer !== token) throw new AssertionError({ message: `note gave ${answer}, not ${token}` })
    note.isDone = true
  }
}

/** null on success, else the error's code; an unexpected error also counts as broken. */
async function codeOf(step: keyof typeof CODES, work: Promise<unknown>, outcome: Outcome): Promise<string | null> {
  const beganMs = performance.now()
  try {
    await within(STEP_MS_MAX, step, work)
    return null
  } catch (error) {
    if (error instanceof RfaasError) {
      const codes: readonly string[] = CODES[step]
      if (!codes.includes(error.code)) outcome.broken.push(`${step}: ${error.stack}`)
      outcome.said.push(`${step}, after ${Math.round(performance.now() - beganMs)} ms: ${error.message}`)
      return error.code
    }
    const afterMs = Math.round(performance.now() - beganMs)
    outcome.broken.push(`${step}, after ${afterMs} ms: ${error instanceof Error ? error.stack : String(error)}`)
    return 'broken'
  }
}
