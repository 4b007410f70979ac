import { RfaasError } from '../../errors.ts'
import type { Channel } from './channel.ts'
import type { RemoteFunction } from './wire.ts'

/* Why an invocation, or a slot for one, is refused at once: each with the code `queue_full` and the outcome `not_run`. */

/** @param width slots of all workers */
export function cannotReserve({ freeSlots }: Channel, width: number): RfaasError {
  const reason = freeSlots === 0 ? `all ${width} are taken` : 'its worker still runs an invocation that was aborted'
  return notSent(`Cannot reserve a slot: ${reason}; release one, or lease with more slots`)
}

/** @param action what cannot be done while the lease has no worker */
export function noWorkers(action: string): RfaasError {
  const reason = 'the workers are gone, and their replacements are not ready yet'
  return notSent(`Cannot ${action}: ${reason}`)
}

export function allReserved(f: RemoteFunction, { layout }: Channel): RfaasError {
  const reason = `all ${layout.slots} slots of a worker are reserved; release one first, or lease with more slots`
  return notSent(`Cannot invoke ${f.name} on each worker: ${reason}`)
}

/**
 * @param width slots of all workers
 * @param waiting calls that wait for a slot
 */
export function queueFull(f: RemoteFunction, width: number, waiting: number, queueMax: number): RfaasError {
  const reason = `${width} calls are in flight and ${waiting} wait, queueMax is ${queueMax}`
  return notSent(`Cannot invoke ${f.name}: ${reason}; raise \`queueMax\` or await some calls first`)
}

function notSent(sentence: string): RfaasError {
  return new RfaasError('queue_full', sentence, { outcome: 'not_run' })
}
