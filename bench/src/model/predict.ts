import type { FabricCosts, Job } from './costs.ts'

/** Who computes. */
export interface Crew {
  /** Leased workers, at least one, each on a core of its own. */
  workers: number
  /** Whether the calling thread computes items, too. */
  caller: boolean
  /** Whether the workers sleep when the run begins; default: they poll. */
  warm?: boolean
}

/** Bounds of a loop's pieces, as in `client/parallel/loop-run.ts`. */
const PIECE_NS_MIN = 50_000
const PIECE_NS_MAX = 2_000_000
/** A piece takes at least so many times what its way costs. */
const PIECE_OVER_WAY = 4
/** A piece of a loop is at most this part of its worker's share, so that all end at about the same time. */
const PIECE_PART = 1 / 4

/** The three things that can be busy, in nanoseconds for a run of which workers compute all. */
interface Loads {
  /** Of each worker. */
  worker: number
  /** Of the calling thread, for sending and receiving. */
  caller: number
  link: number
}

/**
 * How long one run of a job takes.
 *
 * Without the caller, the slowest of three decides: a worker, which computes its share; the calling thread, which sends
 * all inputs and takes all results; and the caller's link. With the caller, the share of the workers is the one with
 * which they and the calling thread end at the same time.
 *
 * @returns nanoseconds; with the caller, never more than the work alone, because a loop may leave all items to it
 * @throws RangeError when `workers` is not a whole number of at least one
 */
export function predictNs(job: Job, fabric: FabricCosts, { workers, caller, warm = false }: Crew): number {
  if (!Number.isSafeInteger(workers) || workers < 1)
    throw new RangeError(`Cannot predict a run: workers must be a whole number of at least 1, got ${workers}`)
  const loads = loadsOf(job, fabric, workers, caller)
  const waitNs = fabric.latencyNs + (warm ? fabric.wakeNs : 0)
  const setUpNs = setUp(job, fabric, workers)
  if (!caller) return setUpNs + waitNs + Math.max(loads.worker, loads.caller, loads.link)
  return Math.min(job.workNs, setUpNs + shared(job.workNs / job.efficiency, waitNs, loads))
}

/** How many times as fast as the calling thread alone. */
export function speedUp(job: Job, fabric: FabricCosts, crew: Crew): number {
  return job.workNs / predictNs(job, fabric, crew)
}

function loadsOf(job: Job, fabric: FabricCosts, workers: number, caller: boolean): Loads {
  const calls = job.workNs / pieceOf(job, fabric, workers + (caller ? 1 : 0))
  const inputBytes = job.inputBytes + calls * job.callBytes
  const bytes = inputBytes + job.outputBytes
  const computeNs = job.workNs / job.efficiency
  return {
    worker: (computeNs + calls * fabric.workerNs + bytes * fabric.workerNsPerByte) / workers,
    caller: calls * fabric.callerNs + bytes * fabric.callerNsPerByte,
    link: (Math.max(inputBytes, job.outputBytes) / fabric.bytesPerSecond) * 1e9,
  }
}

function pieceOf({ workNs, pieceNs }: Job, { latencyNs }: FabricCosts, participants: number): number {
  if (pieceNs !== null) return pieceNs
  const least = Math.max(PIECE_NS_MIN, PIECE_OVER_WAY * latencyNs)
  return Math.min(workNs, PIECE_NS_MAX, Math.max(least, (workNs / participants) * PIECE_PART))
}

/** What each worker gets before the run: the caller sends it to one after the other. */
function setUp({ commonBytes }: Job, fabric: FabricCosts, workers: number): number {
  const all = workers * commonBytes
  return (
    Math.max(all * fabric.callerNsPerByte, (all / fabric.bytesPerSecond) * 1e9) + commonBytes * fabric.workerNsPerByte
  )
}

/**
 * The least time in which the workers compute a share x of the items and the calling thread the rest. Workers and link
 * take longer the larger x is, and the calling thread takes less: the optimum is where their lines meet.
 */
function shared(aloneNs: number, waitNs: number, { worker, caller, link }: Loads): number {
  const time = (share: number): number =>
    Math.max(waitNs + share * worker, share * link, (1 - share) * aloneNs + share * caller)
  const meet = (slope: number, at: number): number => (aloneNs - at) / (slope + aloneNs - caller) || 0
  const shares = [meet(worker, waitNs), meet(link, 0), 1].map((share) => Math.min(1, Math.max(0, share)))
  return Math.min(...shares.map(time))
}
