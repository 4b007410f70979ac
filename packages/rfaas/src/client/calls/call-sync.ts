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
  const channel = dispatcher.inPlace.channelWithRoom()
  const slot = channel.take()
  try {
    let byteLength: number
    try {
      byteLength = encodeInput(f, args, channel.input(slot))
    } catch (error) {
      throw toRfaasError(error).withOutcome('not_run')
    }
    const resultBytes =
      byteLength >= 0
        ? channel.invokeSync(f, slot, byteLength)
        : channel.invokeLargeSync(f, slot, -byteLength - 1, (room) => encodeInput(f, args, room))
    try {
      return decodeResult(f, channel.resultRoom(slot, resultBytes), resultBytes)
    } catch (error) {
      throw toRfaasError(error).withOutcome('ran')
    } finally {
      channel.tookResult()
    }
  } finally {
    channel.give(slot)
  }
}
