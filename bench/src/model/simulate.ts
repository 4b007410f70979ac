import type { FabricCosts, Job } from './costs.ts'
import type { Crew } from './predict.ts'

/** What the calling thread computes between two looks after its workers. */
const HERE_NS = 50_000

interface Flight {
  worker: number
  /** Work of the piece. */
  workNs: number
  /** When its result has arrived. */
  readyNs: number
}

/**
 * Plays one run piece by piece, event by event, for tests of the model: no bound of the model is in it.
 *
 * @param job its `pieceNs` must be given, and `commonBytes` is not sent
 * @param ahead pieces under way on each worker: one that it computes, and those that lie ready
 * @returns nanoseconds until all results are taken
 */
export function simulateNs(job: Job & { pieceNs: number }, fabric: FabricCosts, crew: Crew, ahead = 4): number {
  const workerFreeNs = new Array<number>(crew.workers).fill(0)
  const flights: Flight[] = []
  const link = { thereNs: 0, backNs: 0 }
  const linkNsPerByte = 1e9 / fabric.bytesPerSecond
  let leftNs = job.workNs
  let nowNs = 0

  const send = (worker: number): void => {
    if (leftNs <= 0) return
    const workNs = Math.min(job.pieceNs, leftNs)
    leftNs -= workNs
    const part = workNs / job.workNs
    const [inputBytes, outputBytes] = [part * job.inputBytes + job.callBytes, part * job.outputBytes]
    nowNs += fabric.callerNs / 2 + inputBytes * fabric.callerNsPerByte
    link.thereNs = Math.max(link.thereNs, nowNs) + inputBytes * linkNsPerByte
    const arrivedNs = link.thereNs + fabric.latencyNs / 2 + (crew.warm ? fabric.wakeNs : 0)
    const costNs = fabric.workerNs + (inputBytes + outputBytes) * fabric.workerNsPerByte
    const doneNs = Math.max(workerFreeNs[worker]!, arrivedNs) + workNs / job.efficiency + costNs
    workerFreeNs[worker] = doneNs
    link.backNs = Math.max(link.backNs, doneNs) + outputBytes * linkNsPerByte
    flights.push({ worker, workNs, readyNs: link.backNs + fabric.latencyNs / 2 })
  }

  for (let round = 0; round < ahead; round++) for (let i = 0; i < crew.workers; i++) send(i)
  while (flights.length > 0 || leftNs > 0) {
    const next = flights.reduce<Flight | null>(
      (least, one) => (least && least.readyNs <= one.readyNs ? least : one),
      null,
    )
    if (crew.caller && leftNs > 0 && (next === null || next.readyNs > nowNs)) {
      const workNs = Math.min(HERE_NS, leftNs)
      leftNs -= workNs
      nowNs += workNs / job.efficiency
      continue
    }
    flights.splice(flights.indexOf(next!), 1)
    const outputBytes = (next!.workNs / job.workNs) * job.outputBytes
    nowNs = Math.max(nowNs, next!.readyNs) + fabric.callerNs / 2 + outputBytes * fabric.callerNsPerByte
    send(next!.worker)
  }
  return nowNs
}
