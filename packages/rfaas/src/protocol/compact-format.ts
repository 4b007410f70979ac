/*
 * The compact format: values as a stream of items, each a byte that says what follows. Bytes of typed arrays and
 * ArrayBuffers lie behind the stream, in the order in which the stream names them, so that each is copied once. Those of
 * each begin at a multiple of 8: memory that is shared is otherwise copied byte by byte.
 *
 *     item                          after its byte
 *     UNDEFINED, NULL, FALSE, TRUE  nothing
 *     INT8, INT32, FLOAT64          the number
 *     BIGINT64                      int64
 *     DATE                          float64, the time
 *     SHORT_TEXT                    length (uint8), Latin-1
 *     LATIN1, UTF8, UTF16           byte length (uint32), text
 *     ARRAY                         length (uint32), an item for each element
 *     INT8S … FLOAT64S              length (uint32), the numbers of an array
 *     OBJECT                        for each field a key and an item; then KEYS_END
 *     SHAPED                        fields (uint8), bytes of their names (uint16), a hash of these (int32); the names;
 *                                   for each field an item, or ABSENT
 *     SAME_SHAPE                    number of a shape of this message (uint8); items as for SHAPED
 *     VIEW                          kind (uint8, see views.ts), byte length (uint32)
 *     BUFFER                        byte length (uint32) of an ArrayBuffer
 *
 * A key is its length (uint8) and Latin-1, or KEY_IS_TEXT and an item that is a text. The names of a shape (shapes.ts) are
 * keys without KEY_IS_TEXT, filled up with zeros to a multiple of 4 bytes. All numbers are little-endian.
 */
export const UNDEFINED = 0
export const NULL = 1
export const FALSE = 2
export const TRUE = 3
export const INT8 = 4
export const INT32 = 5
export const FLOAT64 = 6
export const BIGINT64 = 7
export const DATE = 8
export const SHORT_TEXT = 9
export const LATIN1 = 10
export const UTF8 = 11
export const UTF16 = 12
export const ARRAY = 13
export const INT8S = 14
export const INT16S = 15
export const INT32S = 16
export const FLOAT64S = 17
export const OBJECT = 18
export const VIEW = 19
export const BUFFER = 20
export const SHAPED = 21
export const SAME_SHAPE = 22
/** In the place of a field's item: the object does not have the field, because a getter has removed it. */
export const ABSENT = 23

/** Bytes of a SHAPED object before the names of its fields. */
export const SHAPE_HEAD_BYTES = 8

/** Shapes of one message that get a number. */
export const SHAPES_MAX = 255

/** In the place of a key's length: the key is a text that is not short, or not Latin-1. */
export const KEY_IS_TEXT = 254
/** In the place of a key's length: the object has no more fields. */
export const KEYS_END = 255

/** Characters of a text that is written character by character; longer ones are given to native code. */
export const SHORT_TEXT_CHARS_MAX = 40

/** The first multiple of 8 from `at` on. */
export function aligned(at: number): number {
  return Math.ceil(at / 8) * 8
}
