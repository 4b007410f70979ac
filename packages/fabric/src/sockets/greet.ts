import { hostNative } from '../native.ts'
import { ACCEPTED } from './handshake.ts'

const EAGAIN = -11

/**
 * Sends the greeting over a socket that is connected or connecting, and waits on the event loop for the listener's
 * answer.
 *
 * @param memory filled with the descriptor that comes with ACCEPTED; null when none is expected
 * @returns the answer, one byte; 0 when the listener gave none in time or went away; below 0 a system error. The socket
 *   stays the caller's.
 */
export function greet(
  socket: number,
  hello: Uint8Array,
  memory: Int32Array | null,
  timeoutMs: number,
): Promise<number> {
  const native = hostNative()
  const answered = Promise.withResolvers<number>()
  let isSent = false
  const finish = (code: number): void => {
    clearTimeout(timer)
    native.watchStop(watch)
    // A descriptor that comes with any other answer was not asked for.
    if (code !== ACCEPTED && memory !== null && memory[0]! >= 0) native.descriptorClose(memory[0]!)
    answered.resolve(code)
  }
  const say = (): void => {
    const error = native.socketError(socket)
    const sent = error < 0 ? error : native.socketSend(socket, hello, null)
    if (sent < 0) return finish(sent)
    isSent = true
    native.watchWritable(watch, 0)
  }
  const hear = (): void => {
    const answer = new Uint8Array(1)
    const received = native.socketReceive(socket, answer, memory)
    if (received !== EAGAIN) finish(received === 1 ? answer[0]! : received)
  }
  const watch = native.watchStart(socket, () => (isSent ? hear() : say()))
  const timer = setTimeout(() => finish(0), timeoutMs)
  if (watch < 0) {
    finish(watch)
  } else {
    native.watchReference(watch, 1)
    native.watchWritable(watch, 1)
  }
  return answered.promise
}
