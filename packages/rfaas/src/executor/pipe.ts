/**
 * Encodes the messages of messages.ts: each is one line of JSON, bytes in base64, of EXECUTOR_MESSAGE_BYTES_MAX at
 * most. Functions of a tenant can write to the pipe as well, so what is read may be anything.
 */
import { isUtf8 } from 'node:buffer'

import { RfaasError } from '../errors.ts'
import { EXECUTOR_MESSAGE_BYTES_MAX } from './limits.ts'
import type { FromExecutor, RestartMessage, StartMessage, ToExecutor } from './messages.ts'

const NEWLINE = 0x0a

/** Messages with secrets as they are encoded. */
type StartLine = Omit<StartMessage, 'secrets'> & { secrets: string[] }
type RestartLine = Omit<RestartMessage, 'secret'> & { secret: string }

/**
 * The bytes of one message.
 *
 * @throws {RfaasError} `executor_start_failed` when they are more than EXECUTOR_MESSAGE_BYTES_MAX
 */
export function encodeMessage(message: ToExecutor | FromExecutor): Buffer {
  const bytes = Buffer.from(`${JSON.stringify(toLine(message))}\n`)
  if (bytes.length > EXECUTOR_MESSAGE_BYTES_MAX) {
    const reason = `it has ${bytes.length} bytes, at most ${EXECUTOR_MESSAGE_BYTES_MAX} are allowed`
    throw new RfaasError('executor_start_failed', `Cannot send the message ${message.kind}: ${reason}`)
  }
  return bytes
}

function toLine(message: ToExecutor | FromExecutor): object {
  if (message.kind === 'restart') return { ...message, secret: toBase64(message.secret) } satisfies RestartLine
  if (message.kind !== 'start') return message
  return { ...message, secrets: message.secrets.map(toBase64) } satisfies StartLine
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/**
 * Converts a value of {@link MessageReader} into a message of the executor manager, which an executor trusts unchecked.
 */
export function toExecutor(value: unknown): ToExecutor {
  const message = value as StartLine | RestartLine | Exclude<ToExecutor, StartMessage | RestartMessage>
  if (message.kind === 'restart') return { ...message, secret: fromBase64(message.secret) }
  if (message.kind !== 'start') return message
  return { ...message, secrets: message.secrets.map(fromBase64) }
}

/** Reassembles what a pipe has cut into chunks. Unusable after it has thrown. */
export class MessageReader {
  /**
   * Begins with the part of an incomplete line that has arrived; copied, because a chunk of one byte takes a hundred.
   */
  #line: Buffer = Buffer.alloc(0)
  #bytes = 0

  /**
   * Returns the values of the lines that this chunk completes, in order and unchecked. The chunk stays the caller's.
   *
   * @throws {Error} when a line is too long, or is not JSON in UTF-8; the message says what it is
   */
  push(chunk: Uint8Array): unknown[] {
    const values: unknown[] = []
    let begin = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, begin)) {
      this.#append(chunk.subarray(begin, end))
      values.push(parse(this.#line.subarray(0, this.#bytes)))
      this.#bytes = 0
      begin = end + 1
    }
    this.#append(chunk.subarray(begin))
    return values
  }

  #append(part: Uint8Array): void {
    const bytes = this.#bytes + part.length
    const bytesMax = EXECUTOR_MESSAGE_BYTES_MAX
    // The newline counts, too.
    if (bytes >= bytesMax) throw new Error(`more than ${bytesMax} bytes in one line`)
    if (bytes > this.#line.length) {
      const larger = Buffer.alloc(Math.max(bytes, 2 * this.#line.length))
      larger.set(this.#line.subarray(0, this.#bytes))
      this.#line = larger
    }
    this.#line.set(part, this.#bytes)
    this.#bytes = bytes
  }
}

function parse(line: Buffer): unknown {
  try {
    if (isUtf8(line)) return JSON.parse(line.toString()) as unknown
  } catch {
    // Reported below in our own words: those of the parser quote the line.
  }
  throw new Error('a line that is not JSON')
}
