import { strict as assert } from 'node:assert'

/*
 * Bounds of what travels through a slot: one constant each, the unit last in its name.
 * Relations between them are asserted at the end, so that a change to one of them cannot silently break another.
 */

/** Invocations in flight per worker: each has a slot, and slot numbers travel in immediates. */
export const SLOTS_MAX = 4096

/** Largest input of a function, and largest result. */
export const PAYLOAD_BYTES_MAX: number = 1024 * 1024 * 1024

/** All slots of one worker in one direction; no fabric has a larger window. */
export const WINDOW_BYTES_MAX: number = 2 ** 31

/**
 * How deep objects in a value may be nested. V8 reads a value recursively: on the default stack of a main thread (984
 * KiB) it can read about 1,600 nested objects, in a worker thread 6,500. Deeper values are refused by the sender.
 */
export const VALUE_DEPTH_MAX = 1_000

/** Characters that an error's sentence shows of the path to a part that cannot be sent. */
export const VALUE_PATH_CHARS_MAX = 120

/*
 * Bounds of what is sent of an error that a function has thrown. The rest is left out, so that an error with a large
 * object in a field, or one that refers to itself, can be reported as well as any other.
 */

/** How deep nested errors (`cause`, `errors`) are sent. */
export const FAILURE_DEPTH_MAX = 8

/** How many errors travel altogether, the outermost first. */
export const FAILURE_ERRORS_MAX = 32

/** How many own fields of each error travel. */
export const FAILURE_FIELDS_MAX = 32

/** Size of the largest field that travels, as encoded. */
export const FAILURE_FIELD_BYTES_MAX: number = 16 * 1024

/** Characters of the name of an error or a field. */
export const FAILURE_NAME_CHARS_MAX = 256

/** Characters of an error's message. */
export const FAILURE_MESSAGE_CHARS_MAX: number = 64 * 1024

/** Characters of an error's stack. */
export const FAILURE_STACK_CHARS_MAX: number = 32 * 1024

/** How long a stream collects items for one message before it sends them: whatever else its thread has to do waits for no longer. */
export const STREAM_BATCH_MS = 0.2

/** Items in one message of a stream. A generator is ahead of its reader by less than twice as many. */
export const STREAM_BATCH_ITEMS_MAX = 1_024

/** A message of a stream with this many bytes is sent, so that a reader never holds much more than twice as many. */
export const STREAM_BATCH_BYTES_MAX: number = 64 * 1024

// The header of a slot takes less than this.
assert(PAYLOAD_BYTES_MAX + 4096 <= WINDOW_BYTES_MAX, 'a window holds the largest payload')
assert(FAILURE_DEPTH_MAX < VALUE_DEPTH_MAX, 'a failure can be decoded')
// 12 bits of a cancel are its slot (cancel.ts).
assert(SLOTS_MAX <= 2 ** 12, 'a cancel can name every slot')
