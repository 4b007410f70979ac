/** Options of a trial for the client's side of a peer. */
export interface PeerOptions {
  payloadBytes: number
  /** Largest number of calls in flight. */
  outstanding: number
  /** Processor for a server process. The processor of the trial itself is set by the bench that starts it. */
  serverCore: number
}

/**
 * One call at a time to an echo server. It uses callbacks because most peers are built on them and a promise would slow
 * them down; peers whose interface is a promise pay for it. A failure throws, and so ends the trial.
 */
export interface Lane {
  /**
   * Payload of the next call, filled by the caller. Must not be touched while a call is in flight, and may be another
   * array after it.
   */
  readonly input: Uint8Array
  /** @param done gets the reply, which is valid only during the callback */
  echo(done: (reply: Uint8Array) => void): void
  /**
   * As `echo`, but without giving up the thread, if the peer can. Faster than `echo`, so latency is measured with it.
   */
  echoSync?(): Uint8Array
}

/** The client's side of one peer, connected. */
export interface PeerClient {
  openLane(): Lane
  /**
   * Sends one call on every lane together, if the peer has an interface for that. Does not give up the thread before
   * `done` has had all replies, each with the index of its lane.
   */
  echoAllSync?(lanes: readonly Lane[], done: (reply: Uint8Array, lane: number) => void): void
  /** Also ends the server. */
  close(): Promise<void>
}

/** Initial input of a lane. Every byte differs from its neighbours, so that a lost or moved byte is noticed. */
export function pattern(bytes: number): Uint8Array {
  const input = new Uint8Array(bytes)
  // A loop, because `Uint8Array.from` would take seconds to fill all lanes of a large payload.
  for (let index = 0; index < bytes; index++) input[index] = index * 167 + (index >> 8) * 13
  return input
}
