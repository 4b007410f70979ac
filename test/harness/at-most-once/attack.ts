import { strict as assert } from 'node:assert'
import { existsSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { RfaasError, type Cluster, type Lease } from 'rfaas'

import { managerClient } from '../../../packages/rfaas/src/control/client.ts'
import type { Random } from '../chaos/random.ts'
import type { Scene } from '../scene.ts'
import { MARK_BYTES } from './functions.ts'
import type * as Functions from './functions.ts'

export const MODULE: string = fileURLToPath(new URL(`./functions${extname(import.meta.filename)}`, import.meta.url))
/** Calls sent at once. */
const BURST = 100
const KINDS = ['kill', 'retrieve', 'release', 'none'] as const

export interface AttackOptions {
  readonly scene: Scene
  readonly cluster: Cluster
  readonly managerUrl: string
  readonly fabric: 'local' | 'tcp' | 'verbs'
  /** At least this many invocations, in rounds of one lease each. */
  readonly invocations: number
  readonly perRound: number
  readonly random: Random
}

/** How often each kind of end occurred, for the test to check. */
export interface AttackReport {
  invocations: number
  resolved: number
  rejected: Record<string, number>
  rounds: number
}

/** The caller's result of one invocation. */
type Told = 'resolved' | RfaasError

/**
 * Repeatedly leases workers, floods them with invocations, and meanwhile kills the executor, retrieves the lease or
 * releases it. Then compares every caller's result with the marks that the runs have left: no invocation ran twice, an
 * answer means one run, `not_run` means none, and each failure has a code and an outcome.
 */
export async function attack(options: AttackOptions): Promise<AttackReport> {
  const report: AttackReport = { invocations: 0, resolved: 0, rejected: {}, rounds: 0 }
  while (report.invocations < options.invocations) {
    const path = join(options.scene.folder, `marks-${options.fabric}-${report.rounds++}`)
    const told = await playRound(options, path)
    check(told, path, report)
  }
  return report
}

async function playRound(
  { scene, cluster, managerUrl, fabric, perRound, random }: AttackOptions,
  path: string,
): Promise<Told[]> {
  const kind = random.pick(KINDS)
  const replace = random.chance(0.7)
  const lease = await cluster.lease<typeof Functions>({
    functions: MODULE,
    fabric,
    replace,
    waitMs: 30_000,
    cores: random.whole(1, 2),
    slots: random.whole(1, 8),
    queueMax: perRound,
    hotTimeoutMs: random.pick([0, 1, 10]),
  })
  const told: Promise<Told>[] = []
  const troubledAt = random.whole(0, perRound - 1)
  let trouble: Promise<void> | null = null
  while (told.length < perRound) {
    for (let n = 0; n < BURST; n++) told.push(heard(invoke(lease, path, told.length, random)))
    // While the program computes, answers are received late.
    if (random.chance(0.1)) hold(random.whole(1, 40))
    await Promise.race([told.at(-1), delay(random.whole(0, 10))])
    if (told.length > troubledAt && trouble === null) {
      await Promise.race([told[troubledAt], delay(1_000)])
      trouble = makeTrouble(kind, scene, lease, managerUrl, random)
    }
  }
  await trouble
  // Without a replacement the remaining calls would wait for one.
  const all = Promise.all(told)
  await Promise.race([all, delay(5_000)])
  await lease.release()
  return all
}

function invoke(lease: Lease<typeof Functions>, path: string, id: number, random: Random): Promise<unknown> {
  const dice = random.next()
  if (dice < 0.02) return lease.call.countLarge(path, id, random.whole(1, 500_000))
  if (dice < 0.1) return lease.call.countLater(path, id, random.whole(0, 5))
  return lease.call.count(path, id)
}

async function makeTrouble(
  kind: (typeof KINDS)[number],
  scene: Scene,
  lease: Lease<typeof Functions>,
  managerUrl: string,
  random: Random,
): Promise<void> {
  switch (kind) {
    case 'kill':
      for (const pid of scene.executorPids()) process.kill(pid, 'SIGKILL')
      break
    case 'retrieve': {
      const manager = managerClient(managerUrl)
      const order = { leaseId: lease.id, graceMs: random.pick([0, 5, 1_000]), reason: 'the test wants it' }
      await manager.rpc.retrieveLease(order).finally(() => manager.close())
      break
    }
    case 'release':
      await lease.release({ graceMs: random.pick([0, 5, 1_000]) })
      break
    case 'none':
  }
}

async function heard(result: Promise<unknown>): Promise<Told> {
  try {
    await result
    return 'resolved'
  } catch (error) {
    assert.ok(error instanceof RfaasError, String(error))
    return error
  }
}

function check(told: Told[], path: string, report: AttackReport): void {
  const runs = new Uint32Array(told.length)
  const marks = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
  for (let at = 0; at < marks.length; at += MARK_BYTES) runs[marks.readUInt32LE(at)]!++
  for (const [id, what] of told.entries()) {
    report.invocations++
    if (what === 'resolved') {
      report.resolved++
      assert.equal(runs[id], 1, `invocation ${id} was answered and ran ${runs[id]} times`)
      continue
    }
    const { code, outcome, message } = what
    assert.ok(outcome === 'not_run' || outcome === 'unknown', `outcome ${outcome}: ${message}`)
    const most = outcome === 'not_run' ? 0 : 1
    assert.ok(runs[id]! <= most, `invocation ${id} ran ${runs[id]} times, its outcome is ${outcome}: ${message}`)
    const key = `${code} ${outcome}`
    report.rejected[key] = (report.rejected[key] ?? 0) + 1
  }
}

function hold(ms: number): void {
  for (const endMs = performance.now() + ms; performance.now() < endMs;);
}
