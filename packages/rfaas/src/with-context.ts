import { DETACHED, type Context } from './context.ts'
import { runLambda, type LambdaCallback, type LambdaContext, type LambdaResult } from './lambda.ts'
import { raw, type RawFunction } from './raw.ts'

const WITH_CONTEXT: unique symbol = Symbol.for('rfaas.with-context') as never

/** A typed function as its callers see it: without the context that it gets as its last argument. */
export interface ContextFunction<A extends unknown[], R> {
  (...args: A): R
  readonly [WITH_CONTEXT]: AnyFunction
}

/**
 * Marks an exported function that wants to know about its invocation: it gets a {@link Context} as its last argument,
 * which its callers do not see. Called directly, outside of a worker, it gets a context of which nothing is known.
 *
 * @example
 * export const render = withContext(async (scene: Scene, context: Context) =>
 *   (await fetch(scene.url, { signal: context.signal })).text())
 */
export function withContext<A extends unknown[], R>(
  f: (...args: [...A, context: Context]) => R,
): ContextFunction<A, R> {
  const direct = (...args: A): R => f(...withLast<A>(args, f.length, DETACHED))
  return Object.assign(direct, { [WITH_CONTEXT]: f as AnyFunction })
}

/** {@link raw}, for a function that gets a {@link Context} as its third argument. */
export function rawWithContext(
  f: (input: Uint8Array, output: Uint8Array, context: Context) => number | Promise<number>,
): RawFunction {
  const direct = (input: Uint8Array, output: Uint8Array): number | Promise<number> => f(input, output, DETACHED)
  return Object.assign(raw(direct), { [WITH_CONTEXT]: f as AnyFunction })
}

/**
 * Makes a function of an AWS Lambda handler: `export const handler = lambda(theirs.handler)` is called as
 * `lease.call.handler(event)`. The lease option `kind: 'lambda'` does so for all functions of a module.
 */
export function lambda<E, R>(
  handler: (event: E, context: LambdaContext, callback: LambdaCallback) => R,
): ContextFunction<[event: E], Promise<LambdaResult<R>>> {
  const name = handler.name === '' ? 'handler' : handler.name
  return withContext((event: E, context: Context) => {
    return runLambda(handler, name, event, context) as Promise<LambdaResult<R>>
  })
}

/** The function that wants a context as its last argument; null when `f` was not made by {@link withContext}. */
export function contextFunctionOf(f: object): AnyFunction | null {
  return WITH_CONTEXT in f ? (f as ContextFunction<unknown[], unknown>)[WITH_CONTEXT] : null
}

/**
 * The arguments with the context as the last of them.
 *
 * @param length of the function: arguments that were left out are undefined
 */
export function withLast<A extends unknown[]>(args: A, length: number, context: Context): [...A, context: Context] {
  const all: unknown[] = [...args]
  while (all.length < length - 1) all.push(undefined)
  all.push(context)
  return all as [...A, context: Context]
}

type AnyFunction = (...args: any[]) => unknown
