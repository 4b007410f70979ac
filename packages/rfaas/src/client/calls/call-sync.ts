import { toRfaasError } from '../../errors.ts'
import { decodeResult, encodeInput } from './call.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { RemoteFunction } from './wire.ts'

/**
 * Invokes a function in a slot that is taken for this one call, and spins until its result is there.
 *
 * @throws {RfaasError} `queue_full` when no slot is free: a call that spins cannot wait for one
 */
export function callSync(dispatcher: Dispatcher, f: RemoteFunction, args: unknown[]): unknown {
  const channel = dispatcher.channelWithRoom()
  const slot = channel.take()
  try {
    let byteLength: number
    try {
      byteLength = encodeInput(f, args, channel.input(slot))
    } catch (error) {
      throw toRfaasError(error).withOutcome('not_run')
    }
    const resultBytes = channel.invokeSync(f, slot, byteLength)
    try {
      return decodeResult(f, channel.output(slot), resultBytes)
    } catch (error) {
      throw toRfaasError(error).withOutcome('ran')
    }
  } finally {
    channel.give(slot)
  }
}
