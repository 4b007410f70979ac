/**
 * `local` shares memory on one host; `tcp` and `verbs` (RDMA) go between hosts; `threads` shares memory between threads
 * of this process, without an addon; `memory` stays in one thread.
 */
export type FabricName = 'local' | 'tcp' | 'verbs' | 'threads' | 'memory'

/** The largest immediate. It has 31 bits because shared memory uses the 32nd as a phase bit (local/layout.ts). */
export const IMMEDIATE_MAX = 0x7fff_ffff

/**
 * Bytes at the start of each slot that are reserved for the words of a message; the payload follows. One cache line.
 */
export const HEADER_BYTES = 64
/** Words of a message, 32 bits each. */
export const MESSAGE_WORDS = 3

/** Bytes of a channel secret. */
export const SECRET_BYTES = 32

/**
 * The shape of a connection. Both sides give the same shape, each from its own point of view: the outbound window of
 * one side is the inbound window of the other.
 */
export interface Geometry {
  /** Bytes of the window that we write and the peer reads. At least 1; at most 2 GiB. */
  outboundBytes: number
  /** Bytes of the window that the peer writes and we read. */
  inboundBytes: number
  /** How many immediates may be in flight in each direction. At least 1, at most 4096. */
  depth: number
  /**
   * Bytes from one slot of a window to the next, for {@link Connection.send}; a multiple of HEADER_BYTES, the same on
   * both sides. Default 0: the windows have no slots, and only `write` can be used.
   */
  slotBytes?: number
  /**
   * Bytes of the spare room behind each window, in both directions: reserved addresses that take memory only where they
   * are used. Only {@link Connection.write} reaches it, at offsets from the end of the window on. A whole number of pages
   * of 4,096 bytes; window and spare room together have at most 2 GiB. Default 0; `verbs` has none.
   */
  spareBytes?: number
}

export interface ListenOptions extends Geometry {
  /** 32 bytes that the connecting side must show; compared in constant time. */
  secret: Uint8Array
  /** IP address to listen on, for fabrics between hosts. Default 127.0.0.1. */
  host?: string
}

export interface ConnectOptions extends Geometry {
  secret: Uint8Array
  /** How long to try. Default 5000. */
  timeoutMs?: number
}

/** Makes connections of one kind. */
export interface Fabric {
  readonly name: FabricName
  /**
   * @throws {FabricError} `invalid_argument`, `unsupported`, `system`
   */
  listen(options: ListenOptions): Promise<Listener>
  /**
   * @throws {FabricError} `invalid_argument`, `unreachable`, `refused`, `unsupported`, `system`
   */
  connect(address: string, options: ConnectOptions): Promise<Connection>
}

export interface Listener {
  /** The address to pass to `connect`, on any host that can reach this one. */
  readonly address: string
  /**
   * Waits for one peer that shows the secret; peers that do not are turned away. The handle can be posted to another
   * thread of this process and attached there, once.
   *
   * @throws {FabricError} `closed` when the listener is closed before or during the call
   */
  accept(): Promise<ConnectionHandle>
  /** Stops listening. Connections that `accept` returned stay open. Idempotent. */
  close(): void
}

/**
 * A connection that no thread has attached yet: plain data, safe to post between threads of one process. A fabric may
 * add fields of its own.
 */
export interface ConnectionHandle extends Geometry {
  readonly fabric: FabricName
  /** The connection's number in this process; never reused. */
  readonly id: number
}

export type ConnectionState = 'open' | 'lost' | 'closed'

/** Why `wait` returned. */
export type WaitResult = 'ready' | 'timeout' | 'interrupted' | 'lost'

/**
 * Two windows of memory, and a queue of immediates in each direction. Bytes that are put into `outbound` and sent with
 * `write` appear at the same offset of the peer's `inbound`; then the peer's `poll` returns the immediate. The peer
 * never names an address of this process, and can reach nothing but its window. Over shared memory the two windows are
 * the same bytes and nothing is copied; over RDMA a write with immediate carries them.
 *
 * Only the thread that attached a connection may call its methods. When that thread ends, the connection is closed.
 * After `close` every call throws `closed`, except `close`, `ref` and `unref`, which then do nothing.
 *
 * A long write makes progress, and what has begun to arrive goes on arriving, also while the thread is busy elsewhere and
 * does not poll.
 *
 * The peer is not trusted. Whatever it does, each call returns (`wait` within its timeout), immediates are in range,
 * and this process alone decides `state`, `takeInterrupt` and whether the peer is lost. But a peer can make `write`
 * return false, `poll` return immediates and `arm` return false for as long as it likes, so a caller that loops on them
 * must bound the loop.
 */
export interface Connection {
  readonly fabric: FabricName
  /**
   * The window that this side fills. Bytes belong to the fabric from `write` until the peer has said that it is done
   * with them.
   */
  readonly outbound: ArrayBufferLike
  /** The window that the peer fills. Read only what an immediate has announced. */
  readonly inbound: ArrayBufferLike
  /**
   * The spare room behind `outbound`, which this side fills and {@link write} delivers. It is shown when it is first
   * asked for, so that a connection that never uses it costs the garbage collector nothing.
   *
   * @throws {FabricError} `closed`, `invalid_argument` when there is none, `system` when it cannot be mapped
   */
  outboundSpare(): ArrayBufferLike
  /** As {@link outboundSpare}, behind `inbound`, which the peer fills. */
  inboundSpare(): ArrayBufferLike
  readonly state: ConnectionState
  /**
   * Sends a message from a slot: three words and the first `byteLength` bytes of the slot's payload, which begins
   * HEADER_BYTES after the start of the slot. The immediate is the slot's number: the peer's `poll` returns it, its
   * `received` holds the words, and the payload lies in the same slot of its `inbound`. Over RDMA the words travel in
   * front of the payload; in shared memory they are in the cell of the immediate, so that a message without a payload
   * moves one cache line. Allocates nothing.
   *
   * @returns false under the same condition as `write`: poll and try again
   * @throws {FabricError} `invalid_argument` when there is no such slot, or the payload does not fit into it; else as
   * `write`
   */
  send(slot: number, byteLength: number, word0: number, word1: number, word2: number): boolean
  /**
   * The MESSAGE_WORDS words of the message that `poll` returned last; valid until the next `poll`. `poll` copies them,
   * so the peer cannot change them. After the immediate of a `write` they are meaningless.
   */
  readonly received: Int32Array
  /**
   * Delivers bytes `offset … offset + byteLength` of `outbound`, then the immediate. Offsets from the end of the window on
   * are in the spare room; no write reaches into both. Writes arrive in order. Allocates nothing.
   *
   * @returns false when `depth` immediates are in flight; nothing was done, poll and try again. A fabric between hosts
   * does not learn of the peer's polls and may accept more, so the caller must keep count.
   * @throws {FabricError} `invalid_argument` when the range leaves the window or a number is no integer, `lost`,
   * `closed`
   */
  write(offset: number, byteLength: number, immediate: number): boolean
  /**
   * Sends at once what this side has written. Over `tcp`, small writes that follow each other closely leave together:
   * with the next poll, wait, arm, finish, flush or close, and after a millisecond or two in any case. A caller that
   * polls again soon need not call this; one that turns to other work may. A process that is killed loses what it has
   * not flushed. In shared memory the peer sees at once what was sent; only when it falls asleep in the same hundred
   * nanoseconds it is woken by one of the calls above. Over `verbs` it does nothing.
   *
   * @throws {FabricError} `closed`
   */
  flush(): void
  /**
   * Sends the last write of this side: an immediate without bytes, ordered after all earlier writes. Afterwards {@link
   * isDelivered} tells when this side may close without losing anything.
   *
   * @returns false under the same condition as `write`: poll and try again
   * @throws {FabricError} as `write`
   */
  finish(immediate: number): boolean
  /**
   * After `finish`: whether the peer can poll everything that this side has written, even when this side closes now.
   * `local` and `memory`: immediately. `verbs`: once the peer's card has confirmed it. `tcp`: once the peer's kernel
   * has. Changes while this side polls or waits, but a `wait` does not end with it.
   */
  readonly isDelivered: boolean
  /**
   * How many writes have found the peer asleep and woken it. Stays 0 over `memory`, and between hosts, where the peer's
   * kernel wakes it.
   */
  readonly wakes: number
  /**
   * Returns the next immediate, or -1. Never blocks, allocates nothing, may be called when the peer is lost.
   *
   * @throws {FabricError} `closed`
   */
  poll(): number
  /**
   * Blocks this thread until there is something to poll, the peer is lost, `interrupt` is called or the time is over.
   * Uses no CPU while blocked. Not for a thread whose event loop has other work. Cancels an `arm`. Returns `lost` only
   * when nothing is left to poll of what the peer wrote before it went away.
   *
   * @param timeoutMs default: no limit; 0: only checks, does not block
   * @throws {FabricError} `closed`
   */
  wait(timeoutMs?: number): WaitResult
  /**
   * Whether `interrupt` was called since the last `takeInterrupt`, or since the last `wait` that returned
   * `interrupted`. Cheap enough for a polling loop.
   *
   * @throws {FabricError} `closed`
   */
  takeInterrupt(): boolean
  /**
   * Arms the wake-up of the event loop: `onReady` is called once, later, when there is something to poll, the peer is
   * lost or `interrupt` was called.
   *
   * @returns false when one of these holds already, or when the fabric must be polled once more: then nothing is armed
   * @throws {FabricError} `closed`, `system`
   */
  arm(): boolean
  /**
   * Cancels an `arm`. A side that polls need not be woken, which saves the peer a system call.
   *
   * @throws {FabricError} `closed`
   */
  disarm(): void
  /** Called after `arm`, on the event loop. */
  onReady: (() => void) | null
  /** Whether an armed connection keeps the process alive. Default: it does not. */
  ref(): void
  unref(): void
  /**
   * Frees all resources; the windows become empty (`byteLength` 0). Work in Node's thread pool (zlib, fs, crypto) that
   * is using a view of a window stays harmless, and so does memory that was moved out of a window
   * (`ArrayBuffer.prototype.transfer`): both see other bytes from then on. Over `threads`, nothing can detach a
   * SharedArrayBuffer: views of a window keep their bytes and their memory. What the peer has not received yet may be
   * lost. Idempotent.
   */
  close(): void
}
