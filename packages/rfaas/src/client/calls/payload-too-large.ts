import { RfaasError } from '../../errors.ts'
import type { SlotLayout } from '../../protocol/slots.ts'
import type { RemoteFunction } from './wire.ts'

/** Why an input is refused before it is sent. */
export function payloadTooLarge(f: RemoteFunction, byteLength: number, layout: SlotLayout): RfaasError {
  const sentence = `Cannot invoke ${f.name} with ${byteLength} bytes: ${allowedBytes(layout)}`
  return new RfaasError('payload_too_large', sentence, { outcome: 'not_run' })
}

/** How many bytes may be sent at once, and what to do about it, as the end of a sentence. */
export function allowedBytes({ payloadBytesMax, payloadBytesLargest }: SlotLayout): string {
  return payloadBytesLargest > payloadBytesMax
    ? `the memory of the lease has room for ${payloadBytesLargest}; raise \`memoryMib\``
    : `the lease's payloadBytesMax is ${payloadBytesMax}`
}
