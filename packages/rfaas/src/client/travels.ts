// `any`, because functions are contravariant in their parameters: with `unknown` hardly any function would fit.
export type AnyFunction = (...args: any[]) => unknown

/** The type of a function that cannot be called, because of what its arguments or its result have in them. */
export interface CannotTravel<Where extends string, What> {
  readonly 'cannot travel to a worker': `${Where} ${What & string}`
}

/**
 * `Callable`, or {@link CannotTravel} when arguments or a result with the types `A` and `R` can never travel. What may be
 * left out, or may be something that travels, is accepted here and checked when it is sent.
 */
export type IfTravels<A extends unknown[], R, Callable> = IfNotRefused<RefusedArgument<A>, R, Callable>

/** As {@link IfTravels}, where an argument may also be an iterable that streams. */
export type IfStreamedTravels<A extends unknown[], R, Callable> = IfNotRefused<RefusedStreamed<A>, R, Callable>

type IfNotRefused<Why, R, Callable> = [Why] extends [never]
  ? [Refused<Awaited<R>>] extends [never]
    ? Callable
    : CannotTravel<'its result', Refused<Awaited<R>>>
  : CannotTravel<'an argument', Why>

/** As {@link IfStreamedTravels}, for a generator function with items of the type `T` that returns `U` at its end. */
export type IfItemsTravel<A extends unknown[], T, U, Callable> = [RefusedStreamed<A>] extends [never]
  ? [Refused<T>] extends [never]
    ? [Refused<U>] extends [never]
      ? Callable
      : CannotTravel<'its result', Refused<U>>
    : CannotTravel<'an item', Refused<T>>
  : CannotTravel<'an argument', RefusedStreamed<A>>

/**
 * What callers give for parameters of the types `A`: for an AsyncIterable, or another type of which every asynchronous
 * generator is, any asynchronous iterable or any iterator. All other parameters are as they are.
 */
export type Given<A extends unknown[]> = [StreamedItem<A[number]>] extends [never]
  ? A
  : { [I in keyof A]: GivenFor<A[I]> }

/** Distributes over unions. */
type GivenFor<P> = 0 extends 1 & P
  ? P
  : P extends unknown
    ? [StreamedItem<P>] extends [never]
      ? P
      : AsyncIterable<StreamedItem<P>> | IteratorObject<StreamedItem<P>, unknown, undefined>
    : never

/** The items of the members of a union that take a stream; never when there are none. */
type StreamedItem<P> = 0 extends 1 & P
  ? never
  : P extends AsyncIterable<infer T>
    ? AsyncGenerator<T, unknown, undefined> extends P
      ? T
      : never
    : never

/**
 * Whether a function with a result of the type `R` is a generator function, as far as its type says: `R` is a generator, or
 * the type of something that every generator is, such as AsyncIterable. An Iterable may be an array, so it is none.
 */
export type IfStreams<R> = 0 extends 1 & R
  ? false
  : [R] extends [never]
    ? false
    : [R] extends [AsyncIterable<infer T>]
      ? AsyncGenerator<T, any, any> extends R
        ? true
        : false
      : [R] extends [Iterable<infer T> & { next(): unknown }]
        ? Generator<T, any, any> extends R
          ? true
          : false
        : false

type RefusedArgument<A extends unknown[]> = {
  [I in keyof A]-?: undefined extends A[I] ? never : Refused<A[I]>
}[number]

type RefusedStreamed<A extends unknown[]> = {
  [I in keyof A]-?: [StreamedItem<A[I]>] extends [never]
    ? undefined extends A[I]
      ? never
      : Refused<A[I]>
    : Refused<StreamedItem<A[I]>>
}[number]

/** How deep types are looked into. */
type DepthMax = 4

/**
 * What is wrong with T: `is a function`, `has a function in it`… never when it may travel. A union may when one of its
 * members may, `any` and `unknown` always.
 */
export type Refused<T, Depth extends unknown[] = []> = 0 extends 1 & T
  ? never
  : Depth['length'] extends DepthMax
    ? never
    : [T] extends [never]
      ? never
      : 'ok' extends Verdict<T, Depth>
        ? never
        : Verdict<T, Depth>

type Primitive = string | number | bigint | boolean | null | undefined
type Leaf = ArrayBuffer | ArrayBufferView | Date | RegExp | Error

/** Distributes over unions: `ok` for a member that may travel. */
type Verdict<T, Depth extends unknown[]> = T extends Primitive | Leaf
  ? 'ok'
  : T extends symbol
    ? 'is a symbol'
    : T extends AnyFunction | (abstract new (...args: any[]) => unknown)
      ? 'is a function'
      : T extends PromiseLike<unknown>
        ? 'has a promise in it'
        : T extends ReadonlyMap<infer K, infer V>
          ? Inside<Refused<K, [...Depth, 0]> | Refused<V, [...Depth, 0]>>
          : T extends ReadonlySet<infer V>
            ? Inside<Refused<V, [...Depth, 0]>>
            : T extends readonly unknown[]
              ? Inside<Refused<T[number], [...Depth, 0]>>
              : // An Iterable, for instance: an array is one, and travels.
                never[] extends T
                ? 'ok'
                : T extends { next(): unknown; [Symbol.iterator](): unknown }
                  ? 'is a generator or iterator'
                  : T extends { next(): unknown; [Symbol.asyncIterator](): unknown }
                    ? 'is a generator or iterator'
                    : Inside<
                        { [K in keyof T]-?: undefined extends T[K] ? never : Refused<T[K], [...Depth, 0]> }[keyof T]
                      >

/** The verdict on an object, from those on what is in it. */
type Inside<Why> = [Why] extends [never] ? 'ok' : Why extends 'is a function' ? 'has a function in it' : Why
