/**
 * The executor process: its main thread supervises, one worker thread per leased core serves. Started by the executor
 * manager, which it never outlives, and perhaps before there is a lease. Serves one lease, or several in sequence of
 * the same tenant with the same functions.
 */
import { WorkerThread } from './worker-thread.ts'

// A thread takes as long to start as this one takes to load its modules, so both happen at once.
const first = new WorkerThread()
const { runExecutor } = await import('./run.ts')
runExecutor(first)
