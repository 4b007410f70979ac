import { types } from 'node:util'

/*
 * Which instances of classes can be sent. Node marks objects that must not be cloned, or that their own class clones (a
 * Blob). JavaScript cannot read the mark, only structuredClone can, so we try that.
 */

/** Node's own function: the functions' module may replace the global one. */
const { structuredClone } = globalThis

/** Prototypes of the clones that V8 makes by itself. */
const V8_MAKES: ReadonlySet<object> = new Set([
  ...[Object, Array, Map, Set, Date, RegExp, Boolean, Number, String, BigInt, ArrayBuffer].map(prototypeOf),
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(prototypeOf),
])

/**
 * Prototypes of classes of which an instance was cloned as its fields and nothing else. Cached, because each try takes
 * a whole clone.
 */
const known = new WeakSet<object>()

/**
 * Whether {@link isClonedAsPlain} found that another instance of the class is cloned as its fields and nothing else.
 */
export function isKnownClass(prototype: object): boolean {
  return known.has(prototype)
}

/** Whether structuredClone makes the same of this instance as V8's serializer. The caller has checked its fields. */
export function isClonedAsPlain(instance: object, prototype: object): boolean {
  let made: object
  try {
    made = Object.getPrototypeOf(structuredClone(instance)) as object
  } catch {
    return false
  }
  // An instance without fields may have been made without its constructor, which sets the mark, so it is no proof for
  // its class; and it is quickly cloned again. As an argument, an asynchronous iterable is no instance that is cloned.
  const isProof = Object.keys(instance).length > 0 && !(Symbol.asyncIterator in instance)
  if (made === Object.prototype && isProof) known.add(prototype)
  return V8_MAKES.has(made)
}

/** Whether V8 writes this object without reading its fields. */
export function isLeaf(value: object): boolean {
  if (ArrayBuffer.isView(value) || types.isDate(value) || types.isRegExp(value)) return true
  return types.isAnyArrayBuffer(value) || types.isBoxedPrimitive(value)
}

/**
 * Whether an object without fields that has the prototype of plain ones is plain: anything may be given another prototype.
 * What can be iterated is not.
 */
export function isPlain(value: object): boolean {
  if (types.isBoxedPrimitive(value) || types.isAnyArrayBuffer(value) || types.isArgumentsObject(value)) return false
  if (types.isMap(value) || types.isSet(value) || types.isDate(value) || types.isRegExp(value)) return false
  if (types.isWeakMap(value) || types.isWeakSet(value) || types.isPromise(value) || types.isNativeError(value))
    return false
  return !types.isExternal(value) && !types.isGeneratorObject(value) && !(Symbol.asyncIterator in value)
}

function prototypeOf(constructor: { prototype: unknown }): object {
  return constructor.prototype as object
}
