import { Deserializer, Serializer } from 'node:v8'

import { bytesOf, kindOf, makeView } from './views.ts'

/*
 * Values in the structured clone format of V8, with one difference to `v8.serialize`: a view (typed array, DataView,
 * Buffer) travels as exactly its bytes and arrives with an ArrayBuffer of its own, at offset 0. `v8.deserialize`
 * returns views of the whole message: their `buffer` has the bytes of everything else too, and keeps them all in
 * memory.
 */

/** A method of Serializer that the types of `node:v8` leave out. */
interface Hooks {
  _setTreatArrayBufferViewsAsHostObjects(on: boolean): void
}

class ValueSerializer extends Serializer {
  constructor() {
    super()
    ;(this as unknown as Hooks)._setTreatArrayBufferViewsAsHostObjects(true)
  }

  /** Called for each view, and for objects of Node's native code. */
  _writeHostObject(value: object): void {
    if (!ArrayBuffer.isView(value)) throw new TypeError('An object of native code could not be cloned.')
    // Refused, as by structuredClone: the bytes are gone, and an empty view would hide that.
    if (value.buffer instanceof ArrayBuffer && value.buffer.detached) {
      throw new TypeError('A view of a detached ArrayBuffer could not be cloned.')
    }
    this.writeUint32(kindOf(value))
    this.writeUint32(value.byteLength)
    this.writeRawBytes(bytesOf(value))
  }
}

class ValueDeserializer extends Deserializer {
  /** Called for each view. */
  _readHostObject(): ArrayBufferView {
    const kind = this.readUint32()
    // Throws when there are fewer bytes.
    const bytes = this.readRawBytes(this.readUint32())
    const buffer = new ArrayBuffer(bytes.length)
    new Uint8Array(buffer).set(bytes)
    return makeView(kind, buffer)
  }
}

/** @throws what V8 throws for what it cannot clone, and what getters of the value throw */
export function serializeStructured(value: unknown): Uint8Array {
  const serializer = new ValueSerializer()
  serializer.writeHeader()
  serializer.writeValue(value)
  return serializer.releaseBuffer()
}

/**
 * @param bytes must not change during the call (see peer-bytes.ts); the value keeps none of it
 * @throws when the bytes are no such value
 */
export function deserializeStructured(bytes: Uint8Array<ArrayBuffer>): unknown {
  const deserializer = new ValueDeserializer(bytes)
  deserializer.readHeader()
  return deserializer.readValue()
}
