/** `local` shares memory on one host; `tcp` and `verbs` are libfabric providers; `memory` stays in this process. */
export type FabricName = 'local' | 'tcp' | 'verbs' | 'memory'

/** The largest immediate: 31 bits, for shared memory keeps one to tell new from old. */
export const IMMEDIATE_MAX = 0x7fff_ffff

/** Bytes that each slot of a window keeps free for the words of a message; the payload follows them. One cache line. */
export const HEADER_BYTES = 64
/** Words of a message, 32 bits each. */
export const MESSAGE_WORDS = 3

/** Bytes of a channel secret. */
export const SECRET_BYTES = 32

/** The shape of a connection. Both sides name the same shape, each from its own side. */
export interface Geometry {
  /** Bytes of the window that we write and the peer reads. At least 1; at most 2 GiB. */
  outboundBytes: number
  /** Bytes of the window that the peer writes and we read. */
  inboundBytes: number
  /** How many immediates may be on their way in each direction. At least 1, at most 4096. */
  depth: number
  /**
   * Bytes from one slot of a window to the next, for {@link Connection.send}; a multiple of HEADER_BYTES, the same on both
   * sides. Default 0: the windows have no slots, and only `write` can be used.
   */
  slotBytes?: number
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
  /** What `connect` takes, on any host that can reach this one. */
  readonly address: string
  /**
   * Waits for one peer that shows the secret; peers that do not are turned away. The handle can be posted to another
   * thread of this process and attached there, once.
   *
   * @throws {FabricError} `closed` when the listener is closed, before or meanwhile
   */
  accept(): Promise<ConnectionHandle>
  /** Stops listening. Connections that `accept` has given stay. Closing twice is fine. */
  close(): void
}

/**
 * A connection that no thread has attached yet: plain data, safe to post between threads of one process. What else is
 * in it is the fabric's own.
 */
export interface ConnectionHandle extends Geometry {
  readonly fabric: FabricName
  /** Its number in this process, never used again. */
  readonly id: number
}

export type ConnectionState = 'open' | 'lost' | 'closed'

/** Why `wait` came back. */
export type WaitResult = 'ready' | 'timeout' | 'interrupted' | 'lost'

/**
 * Two windows of memory and a queue of immediates each way. What we put into `outbound` and `write` appears at the
 * same offset of the peer's `inbound`, then its `poll` gives the immediate: the peer never names an address of ours,
 * and reaches nothing but its window. Over shared memory the two windows are the same bytes and nothing is copied;
 * over RDMA a write with immediate carries them.
 *
 * Of one connection, only the thread that attached it may call anything. When that thread ends, the connection is closed.
 * After `close` every call throws `closed`, but for `close`, `ref` and `unref`, which do nothing then.
 *
 * Over libfabric a long write goes on only while its writer polls, waits or is armed.
 *
 * A peer may lie. Whatever it does, each call here comes back (`wait` within its timeout), immediates are in range, and
 * `state`, `takeInterrupt` and what is lost are our own process's to say. But a peer can keep `write` giving false, `poll`
 * giving immediates and `arm` giving false for as long as it likes: whoever calls them in a loop bounds the loop.
 */
export interface Connection {
  readonly fabric: FabricName
  /** Ours to fill. Bytes belong to the fabric from `write` until the peer has said that it is done with them. */
  readonly outbound: ArrayBufferLike
  /** The peer's to fill. Read only what an immediate has announced. */
  readonly inbound: ArrayBufferLike
  readonly state: ConnectionState
  /**
   * Sends a message from a slot: three words and the first `byteLength` bytes of the slot's payload, which begins
   * HEADER_BYTES after the slot does. The immediate is the slot's number. The peer's `poll` gives that, its `received` holds
   * the words, and the payload lies in the same slot of its `inbound`. Over RDMA the words travel in front of the payload;
   * in shared memory they are in the cell of the immediate, so that a message without a payload moves one cache line.
   * Allocates nothing.
   *
   * @returns false as `write` does: poll and try again
   * @throws {FabricError} `invalid_argument` when there is no such slot, or the payload does not fit into it; else as `write`
   */
  send(slot: number, byteLength: number, word0: number, word1: number, word2: number): boolean
  /**
   * The MESSAGE_WORDS words of the message that `poll` gave last, until the next `poll`. `poll` copies them, so that no peer
   * can change them. After the immediate of a `write` they mean nothing.
   */
  readonly received: Int32Array
  /**
   * Delivers bytes `offset … offset + byteLength` of `outbound`, then the immediate. Writes arrive in order.
   * Allocates nothing.
   *
   * @returns false when `depth` immediates are on their way; nothing was done, poll and try again. A fabric between
   *   hosts does not hear of the peer's polls and may take more: whoever writes keeps count.
   * @throws {FabricError} `invalid_argument` when the range leaves the window or a number is no integer, `lost`, `closed`
   */
  write(offset: number, byteLength: number, immediate: number): boolean
  /**
   * The last write of this side: an immediate without bytes, after all writes before it. Then {@link isDelivered} tells
   * when this side may close and lose nothing.
   *
   * @returns false as `write` does: poll and try again
   * @throws {FabricError} as `write`
   */
  finish(immediate: number): boolean
  /**
   * After `finish`: whether everything that this side has written is out of its hands. `local` and `memory`: at once, for
   * the peer has it. `verbs`: the peer's card has confirmed it. `tcp`: the kernel has it, and sends it on after a close
   * unless the peer resets the connection; who must be sure waits for the peer's word. Changes while this side polls or
   * waits.
   */
  readonly isDelivered: boolean
  /** How often a write has found the peer asleep and woken it. Stays 0 over libfabric, where the peer's kernel does that. */
  readonly wakes: number
  /**
   * The next immediate, or -1. Never blocks, allocates nothing, may be called when the peer is lost.
   *
   * @throws {FabricError} `closed`
   */
  poll(): number
  /**
   * Blocks this thread until there is something to poll, the peer is lost, `interrupt` is called or the time is over.
   * Uses no CPU meanwhile. Not for a thread whose event loop has other work. Takes back an `arm`. What the peer wrote
   * before it went away comes first: `lost` is the answer when nothing is left to poll.
   *
   * @param timeoutMs default: no end; 0 only looks
   * @throws {FabricError} `closed`
   */
  wait(timeoutMs?: number): WaitResult
  /**
   * Whether `interrupt` was called since the last `takeInterrupt`, or `wait` that gave `interrupted`. Cheap enough for a
   * polling loop.
   *
   * @throws {FabricError} `closed`
   */
  takeInterrupt(): boolean
  /**
   * Arms the wake-up of the event loop: `onReady` is called once, later, when there is something to poll, the peer is
   * lost or `interrupt` was called.
   *
   * @returns false when there is something already, or the fabric has to be polled once more: then nothing is armed
   * @throws {FabricError} `closed`, `system`
   */
  arm(): boolean
  /**
   * Takes an `arm` back: whoever polls now need not be woken, and the peer is spared the system call.
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
   * Gives everything back; the windows become empty (`byteLength` 0). Work in Node's thread pool that reads or writes a
   * view of one meanwhile (zlib, fs, crypto) is harmless, and so is memory that was moved out of one
   * (`ArrayBuffer.prototype.transfer`): both find other bytes from then on. What the peer has not received yet may be lost.
   * Closing twice is fine.
   */
  close(): void
}
