/**
 * The native calls that a {@link RemoteConnection} needs of its fabric. Each takes the number of the connection; a
 * negative result is `-errno`.
 */
export interface RemoteCalls {
  /** -EBADF when it is closed or was attached before; after another error it is closed. */
  attach(connection: number): number
  outbound(connection: number): ArrayBuffer | null
  inbound(connection: number): ArrayBuffer | null
  /** {@link BATCH} words for the immediates of a poll, then one that says that we were interrupted. */
  batch(connection: number): ArrayBuffer | null
  /** The spare room behind `outbound`; null when it cannot be mapped. */
  outboundSpare(connection: number): ArrayBuffer | null
  inboundSpare(connection: number): ArrayBuffer | null
  close(connection: number): number
  /** 0 when the fabric has it, 1 when polls and sleeps must send the rest, -EAGAIN when there is no room for it. */
  write(connection: number, offset: number, byteLength: number, immediate: number): number
  /** Sends what `write` has held back for later frames. */
  flush(connection: number): number
  /** As `write`; the last write of this side. */
  finish(connection: number, immediate: number): number
  /** 1 once everything up to `finish` has been delivered. */
  finished(connection: number): number
  /** How many immediates it has put into the batch, or -ENOTCONN when nothing is left of a peer that is gone. */
  poll(connection: number, isArmed: number): number
  /** Blocks until there may be something to poll. Negative for ever. -ETIMEDOUT when the time is over. */
  wait(connection: number, timeoutMs: number): number
  /**
   * Prepares a sleep on the event loop. 1 when it must end also when the watched descriptor is writable, 0 when not;
   * -EAGAIN when the connection must be polled first, -ENOTCONN when the peer is gone.
   */
  arm(connection: number): number
  /** Stops arrivals from waking the watched descriptor. */
  quiet(connection: number): void
  /** Watches the connection on the event loop; the number of the watch. */
  watch(connection: number, onReadable: () => void): number
  takeInterrupt(connection: number): number
}

/** Words of a batch (native/tcp.h, native/ofi.h). */
export const BATCH = 64
