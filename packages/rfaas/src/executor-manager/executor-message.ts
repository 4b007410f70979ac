import type { ExecutorNews, FailedMessage, FromExecutor, FunctionSummary, WorkerEndCode } from '../executor/messages.ts'

const FAILED_CODES: readonly FailedMessage['code'][] = ['module_failed', 'executor_start_failed', 'unsupported']

const END_CODES: readonly WorkerEndCode[] = ['worker_crashed', 'worker_exited', 'out_of_memory', 'worker_ended']

/**
 * Checks a message from the executor's pipe. It is untrusted: the tenant's functions run in that process and can write
 * to the pipe too.
 *
 * @returns null when it is not a valid message of an executor with `workerCount` workers
 */
export function readMessage(raw: unknown, workerCount: number): FromExecutor | null {
  if (!isRecord(raw)) return null
  if (raw['kind'] === 'prepared' || raw['kind'] === 'parked') return { kind: raw['kind'] }
  if (raw['kind'] === 'failed') {
    const { code, reason, stack } = raw
    const known = FAILED_CODES.find((each) => each === code)
    if (!known || typeof reason !== 'string' || typeof stack !== 'string') return null
    return { kind: 'failed', code: known, reason, stack }
  }
  if (raw['kind'] === 'worker-ended' || raw['kind'] === 'worker-restarted') return readNews(raw, workerCount)
  if (raw['kind'] !== 'ready') return null
  const { addresses, functions, loadMs } = raw
  if (!Array.isArray(addresses) || addresses.length !== workerCount || !addresses.every(isText)) return null
  if (!Array.isArray(functions) || !functions.every(isFunctionInfo)) return null
  if (typeof loadMs !== 'number' || !Number.isFinite(loadMs)) return null
  return { kind: 'ready', addresses, functions: functions.map(summary), loadMs }
}

function readNews(raw: Record<string, unknown>, workerCount: number): ExecutorNews | null {
  const { kind, worker, address, code, reason, stack } = raw
  if (typeof worker !== 'number' || !Number.isInteger(worker) || worker < 0 || worker >= workerCount) return null
  if (kind === 'worker-restarted') return isText(address) ? { kind, worker, address } : null
  const known = END_CODES.find((each) => each === code)
  if (!known || !isText(reason) || !isText(stack)) return null
  return { kind: 'worker-ended', worker, code: known, reason, stack }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isFunctionInfo(value: unknown): value is FunctionSummary {
  return isRecord(value) && isText(value['name']) && typeof value['raw'] === 'boolean'
}

function summary({ name, raw, streams }: FunctionSummary): FunctionSummary {
  return streams === true ? { name, raw, streams } : { name, raw }
}
