import { types } from 'node:util'

/*
 * Which instances of classes can be sent. A mark of Node says that an object must not be cloned, or is cloned by its own
 * class (a Blob). JavaScript cannot read the mark, only structuredClone can, so it is asked.
 */

/** Node's own: the functions' module may replace the global one. */
const { structuredClone } = globalThis

/** What a clone that V8 alone has made is an instance of. */
const V8_MAKES: ReadonlySet<object> = new Set([
  ...[Object, Array, Map, Set, Date, RegExp, Boolean, Number, String, BigInt, ArrayBuffer].map(prototypeOf),
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(prototypeOf),
])

/**
 * Prototypes of classes of which an instance was cloned as its fields and nothing else. Kept, because to try it takes a
 * whole clone.
 */
const known = new WeakSet<object>()

/** Whether {@link isClonedAsPlain} has said so of another instance, and the fields are all that there is. */
export function isKnownClass(prototype: object): boolean {
  return known.has(prototype)
}

/** Whether structuredClone makes of this instance what V8's serializer makes of it. Its fields are cloneable. */
export function isClonedAsPlain(instance: object, prototype: object): boolean {
  let made: object
  try {
    made = Object.getPrototypeOf(structuredClone(instance)) as object
  } catch {
    return false
  }
  // One without fields may have been made without its constructor, which sets the mark; and is quickly cloned again.
  if (made === Object.prototype && Object.keys(instance).length > 0) known.add(prototype)
  return V8_MAKES.has(made)
}

/** Whether V8 writes all of this object without a look at its fields. */
export function isLeaf(value: object): boolean {
  if (ArrayBuffer.isView(value) || types.isDate(value) || types.isRegExp(value)) return true
  return types.isAnyArrayBuffer(value) || types.isBoxedPrimitive(value)
}

function prototypeOf(constructor: { prototype: unknown }): object {
  return constructor.prototype as object
}
