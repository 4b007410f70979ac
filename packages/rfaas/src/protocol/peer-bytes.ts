/**
 * The trust boundary of a slot. A peer can write, at any moment and while we read, in the slots of our inbound window:
 *
 * - every byte of a payload: the arguments of an invocation, the value of a result, the text of a failure;
 * - the three words of the header (slots.ts), wherever the fabric keeps them.
 *
 * So a word is read once into a local, and the local is checked and used. Bytes are copied with this function before
 * anything decodes them: V8 and TextDecoder read the same byte more than once, and may abort the process or read past
 * an end when it has changed in between. Decoders require a `Uint8Array<ArrayBuffer>`, which a view of a window is not,
 * so that the compiler finds a missing copy. The one exception is a raw function (or a raw result), which is given the
 * bytes in place because that is its contract.
 *
 * @returns the same bytes in memory that only we can write, with an ArrayBuffer of their own
 */
export function copyPeerBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
