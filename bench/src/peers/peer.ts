/** How a trial asks for the client's side of a peer. */
export interface PeerOptions {
  payloadBytes: number
  /** Calls that are under way at once, at most. */
  outstanding: number
  /** Where a server process runs. The trial's own core is set by whoever starts it. */
  serverCore: number
}

/**
 * One call at a time to a server that echoes. Callbacks, for most peers are made of them and a promise would cost them
 * something; those whose interface is a promise pay for it. What fails throws, and so ends the trial.
 */
export interface Lane {
  /** What the next call sends; filled by the caller. Not to be touched while a call is under way, and new after it. */
  readonly input: Uint8Array
  /** @param done gets the reply, valid while it runs */
  echo(done: (reply: Uint8Array) => void): void
  /** The same without giving up the thread, where a peer can. Faster than `echo`, so latency is measured with it. */
  echoSync?(): Uint8Array
}

/** The client's side of one peer, connected. */
export interface PeerClient {
  openLane(): Lane
  /**
   * One call on every lane, sent together, where a peer has an interface for that. Gives up the thread no sooner than
   * `done` has had all replies, with the index of each one's lane.
   */
  echoAllSync?(lanes: readonly Lane[], done: (reply: Uint8Array, lane: number) => void): void
  /** Ends the server too. */
  close(): Promise<void>
}

/** Bytes of a lane's input at first. Every byte differs from its neighbours, so that none can be lost or moved. */
export function pattern(bytes: number): Uint8Array {
  const input = new Uint8Array(bytes)
  // A loop, for `Uint8Array.from` would take seconds to fill all lanes of a large payload.
  for (let index = 0; index < bytes; index++) input[index] = index * 167 + (index >> 8) * 13
  return input
}
