/**
 * Checks that the types of a functions module reach the caller. Nothing here runs: the compiler checks it, and a line
 * after `@ts-expect-error` that compiles fails the check.
 */
import type {
  CannotTravel,
  Cluster,
  Context,
  ContextFunction,
  DeployedFunctions,
  Deployment,
  ErrorCode,
  LambdaModule,
  Lease,
  RawFunction,
} from 'rfaas'
import { lambda, rawWithContext, shared, withContext } from 'rfaas/functions'

import type * as Functions from './harness/functions.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** `is<T>()(value)` compiles only when the value's type is exactly T. */
declare function is<T>(): <V>(value: V, ...proof: Equal<V, T> extends true ? [] : [never]) => void

export async function typesFlow(cluster: Cluster): Promise<void> {
  await using lease = await cluster.lease<typeof Functions>({ functions: './functions.ts' })

  // call: has the function's own arguments and result; a promise is awaited once.
  is<number>()(await lease.call.add(1, 2))
  is<Functions.Greeting>()(await lease.call.greet('you', { loud: true }))
  is<{ index: number; threadId: number }>()(await lease.call.whoRan(1))
  await lease.call.greet('optional arguments stay optional')
  // @ts-expect-error -- text is no number
  await lease.call.add(1, '2')
  // @ts-expect-error -- an argument is missing
  await lease.call.add(1)
  // @ts-expect-error -- there is no such option
  await lease.call.greet('you', { quiet: true })
  // @ts-expect-error -- there is no such function
  await lease.call.subtract(2, 1)

  // Raw functions: bytes in, bytes out.
  is<Uint8Array>()(await lease.call.echo(new Uint8Array(8)))
  // @ts-expect-error -- takes bytes
  await lease.call.echo('text')

  // What is brought along: names of packages, and paths.
  await cluster.lease<typeof Functions>({ functions: './functions.ts', external: ['sharp'], files: ['models/*.onnx'] })
  // @ts-expect-error -- a list of patterns, not one
  await cluster.lease<typeof Functions>({ functions: './functions.ts', files: 'models/*.onnx' })

  // map: one argument each, results in an array.
  is<number[]>()(await lease.map.double(new Set([1, 2])))
  is<Functions.Greeting[]>()(await lease.map.greet(['you', 'me']))
  is<Uint8Array[]>()(await lease.map.echo([new Uint8Array(1)]))
  // @ts-expect-error -- the elements are no numbers
  await lease.map.double(['1'])
  is<number[]>()(await lease.map.double(numbersLater(), { concurrency: 2, ordered: false }))
  is<number[]>()(await lease.map.add.spread([[1, 2]]))
  // @ts-expect-error -- one argument of two would be missing
  await lease.map.add([1, 2])
  // @ts-expect-error -- there is no such option
  await lease.map.double([1], { lanes: 2 })

  // stream: the same, as the results come.
  for await (const result of lease.stream.double(numbersLater(), { timeoutMs: 5 })) is<number>()(result)
  for await (const result of lease.stream.add.spread([[1, 2]])) is<number>()(result)

  // share: typed arrays and ArrayBuffers; what functions read has the type that they name.
  await lease.share('weights', new Float32Array(4))
  await lease.share('model', new ArrayBuffer(4))
  // @ts-expect-error an array of numbers has no bytes
  await lease.share('weights', [1, 2, 3])
  // @ts-expect-error the name comes first
  await lease.share(new Float32Array(4), 'weights')
  is<Uint8Array>()(shared('model'))
  is<Float32Array>()(shared<Float32Array>('weights'))
  // @ts-expect-error no typed array
  shared<number[]>('weights')

  // each: the arguments of one call, a result from every worker.
  is<number[]>()(await lease.each.add(1, 2))
  is<Uint8Array[]>()(await lease.each.echo.with({ timeoutMs: 5 })(new Uint8Array(8)))
  // @ts-expect-error -- text is no number
  await lease.each.add(1, '2')

  // update: the lease has the types of the new version; without any, those that it had.
  is<Lease<{ next(): number }>>()(await lease.update<{ next(): number }>('functions@2'))
  is<Lease<typeof Functions>>()(await lease.update('./functions.ts'))
  // @ts-expect-error -- the name or the path of functions
  await lease.update(2)

  // deploy: with a name.
  const deployed: Deployment = await cluster.deploy('./functions.ts', { name: 'functions' })
  is<DeployedFunctions[]>()(await cluster.functions())
  is<boolean>()(deployed.isNew)
  // @ts-expect-error -- the name is missing
  await cluster.deploy('./functions.ts', {})

  const setUp = cluster.lease<typeof Functions>({ functions: 'a.ts', setup: (each) => each.double(1) })
  is<Promise<Lease<typeof Functions>>>()(setUp)
  // @ts-expect-error -- there is no such function
  await cluster.lease<typeof Functions>({ functions: 'a.ts', setup: (each) => each.subtract(2, 1) })

  // callSync: no promise.
  is<number>()(lease.callSync.add(1, 2))
  is<Uint8Array>()(lease.callSync.echo(new Uint8Array(8)))
  is<number>()(lease.callSync.later(1, 2) as number)

  // Options of one call.
  is<number>()(await lease.call.add.with({ timeoutMs: 5, signal: AbortSignal.abort() })(1, 2))
  is<Uint8Array>()(await lease.with({ timeoutMs: 5 }).call.echo(new Uint8Array(8)))
  // @ts-expect-error -- there is no such option
  lease.call.add.with({ deadline: 5 })

  // Events.
  using listening = lease.on('partLost', ({ cores, reason }) => {
    is<number>()(cores)
    is<ErrorCode>()(reason.code)
  })
  is<Disposable>()(listening)
  lease.on('workerRestarted', ({ worker, reason }) => {
    is<number>()(worker)
    is<ErrorCode>()(reason.code)
  })
  // @ts-expect-error -- there is no such event
  lease.on('ended', () => {})

  // In place: raw functions only.
  using slot = lease.reserve(8)
  is<Uint8Array>()(lease.invokeSync('echo', slot))
  is<Float64Array<ArrayBuffer>>()(slot.view(Float64Array))
  slot.outputView(DataView).getUint8(0)
  await lease.invoke('invert', slot, 4)
  // @ts-expect-error -- takes typed values
  lease.invokeSync('add', slot)
  // @ts-expect-error -- there is no such function
  await lease.invoke('absent', slot)

  // @ts-expect-error -- there is no such option
  await cluster.lease({ functions: './functions.ts', memoryMiB: 512 })
  // @ts-expect-error -- there is no such fabric
  await cluster.lease({ functions: './functions.ts', fabric: 'udp' })

  // Without the module's type any name can be called, and results are unknown.
  const untyped: Lease = await cluster.lease({ functions: './functions.ts' })
  is<unknown>()(await untyped.call['add']!(1, 2))
}

/** Functions that stream. */
interface Streaming {
  generator(from: number): Generator<number, string, unknown>
  asyncGenerator(options?: { size: number }): AsyncGenerator<{ row: number }>
  iterator(): IterableIterator<number>
  asyncIterable(): AsyncIterable<Date>
  generic<T>(value: T): AsyncGenerator<T>
  functions(): AsyncGenerator<() => void>
  promises(): Generator<Promise<number>>
  takesFunction(f: () => void): AsyncGenerator<number>
  stream(): ReadableStream<number>
}

export async function whatStreams(lease: Lease<Streaming>): Promise<void> {
  is<AsyncGenerator<number, string, undefined>>()(lease.call.generator(1))
  for await (const item of lease.call.asyncGenerator({ size: 1 })) is<{ row: number }>()(item)
  for await (const item of lease.call.asyncGenerator.with({ timeoutMs: 5 })()) is<{ row: number }>()(item)
  for await (const item of lease.with({ timeoutMs: 5 }).call.iterator()) is<number>()(item)
  for await (const item of lease.call.asyncIterable()) is<Date>()(item)
  for await (const item of lease.call.generic(1)) is<unknown>()(item)
  // @ts-expect-error -- text is no number
  lease.call.generator('1')
  // @ts-expect-error -- it is no promise
  await lease.call.generator(1).then(() => {})
  is<CannotTravel<'an item', 'is a function'>>()(lease.call.functions)
  is<CannotTravel<'an item', 'has a promise in it'>>()(lease.call.promises)
  is<CannotTravel<'an argument', 'is a function'>>()(lease.call.takesFunction)
  // Not written as a generator function.
  // @ts-expect-error -- has functions in it
  lease.call.stream()
}

/** Functions into which an argument streams. */
interface TakesStreams {
  iterable(numbers: AsyncIterable<number>, from: number): Promise<number>
  generator(numbers: AsyncGenerator<number>): Promise<number>
  maybe(numbers?: AsyncIterable<number>): Promise<number>
  either(numbers: AsyncIterable<number> | number[]): Promise<number>
  both(numbers: AsyncIterable<number>): AsyncGenerator<string>
  functions(items: AsyncIterable<() => void>): Promise<number>
  web(stream: ReadableStream<number>): Promise<number>
}

export async function whatStreamsIn(lease: Lease<TakesStreams>, web: ReadableStream<number>): Promise<void> {
  is<number>()(await lease.call.iterable(numbersLater(), 1))
  is<number>()(await lease.call.iterable([1, 2].values(), 1))
  is<number>()(await lease.call.iterable.with({ timeoutMs: 5 })(web, 1))
  is<number>()(await lease.call.generator(web))
  is<number>()(await lease.call.maybe())
  is<number>()(await lease.call.maybe(numbersLater()))
  is<number>()(await lease.call.either([1, 2]))
  is<number>()(await lease.call.either(numbersLater()))
  is<number[]>()(await lease.map.generator([numbersLater(), [1].values()]))
  is<number[]>()(await lease.map.iterable.spread([[numbersLater(), 1]]))
  for await (const text of lease.call.both(numbersLater())) is<string>()(text)
  // @ts-expect-error -- text is no number
  await lease.call.iterable(['1'].values(), 1)
  // @ts-expect-error -- an array travels as a value, and would arrive as one
  await lease.call.iterable([1, 2], 1)
  // @ts-expect-error -- the other argument is missing
  await lease.call.iterable(numbersLater())
  is<CannotTravel<'an argument', 'is a function'>>()(lease.call.functions)
  // It would arrive as an asynchronous generator.
  is<CannotTravel<'an argument', 'has a function in it'>>()(lease.call.web)
  is<CannotTravel<'an argument', 'has a function in it'>>()(lease.callSync.iterable)
  is<CannotTravel<'an argument', 'has a function in it'>>()(lease.each.iterable)
}

declare function numbersLater(): AsyncGenerator<number>

class Point {
  x = 1
  norm(): number {
    return this.x
  }
}
interface Tree {
  readonly name: string
  readonly children: readonly Tree[]
}
/** A module with all that can be hard about types. */
interface Hard {
  tree(tree: Tree): Map<string, Tree>
  dates(dates: ReadonlySet<Date>, error?: Error): Promise<bigint | undefined>
  anything(value: any, more: unknown, object: object): unknown
  iterable(numbers: Iterable<number>): Float32Array
  generic<T>(value: T): T
  bounded<T extends Tree>(tree: T): T[]
  overloaded(value: number): number
  overloaded(value: string): string
  rest(...numbers: number[]): number
  maybeCallback(options?: { quiet?: boolean; onProgress?: () => void }, done?: () => void): void
  orCallback(value: number | (() => number)): void
  never(): never
  callback(f: () => void): void
  inside(config: { deep: { onDone: () => void } }): void
  symbol(value: symbol): void
  generator(): Generator<number>
  asyncGenerator(): AsyncGenerator<number>
  instance(point: Point): void
  makesInstance(): Point
  promises(): Promise<{ later: Promise<number> }>
  url(): URL
}

export async function whatCannotTravelIsATypeError(lease: Lease<Hard>, tree: Tree): Promise<void> {
  is<Map<string, Tree>>()(await lease.call.tree(tree))
  is<bigint | undefined>()(await lease.call.dates(new Set([new Date()])))
  is<unknown>()(await lease.call.anything(1, 2, {}))
  is<Float32Array>()(await lease.call.iterable([1, 2]))
  is<unknown>()(await lease.call.generic(1))
  is<Tree[]>()(await lease.call.bounded(tree))
  is<string>()(await lease.call.overloaded('the last overload counts'))
  is<number>()(await lease.call.rest(1, 2, 3))
  is<number[]>()(await lease.map.rest([1, 2]))
  await lease.call.maybeCallback({ quiet: true })
  await lease.call.orCallback(1)
  is<never>()(await lease.call.never())

  is<CannotTravel<'an argument', 'is a function'>>()(lease.call.callback)
  is<CannotTravel<'an argument', 'has a function in it'>>()(lease.call.inside)
  is<CannotTravel<'an argument', 'is a symbol'>>()(lease.call.symbol)
  is<CannotTravel<'its result', 'is a generator or iterator'>>()(lease.map.generator)
  is<CannotTravel<'its result', 'is a generator or iterator'>>()(lease.each.generator)
  is<CannotTravel<'its result', 'is a generator or iterator'>>()(lease.stream.asyncGenerator)
  is<CannotTravel<'an argument', 'has a function in it'>>()(lease.map.instance)
  is<CannotTravel<'its result', 'has a function in it'>>()(lease.callSync.makesInstance)
  is<CannotTravel<'its result', 'has a promise in it'>>()(lease.call.promises)
  is<CannotTravel<'its result', 'has a function in it'>>()(lease.call.url)
  // @ts-expect-error -- a function does not travel
  await lease.call.callback(() => {})
}

/** Functions that want their context: the callers do not see it. */
interface Wanting {
  one: ContextFunction<[x: number], Promise<string>>
  raw: RawFunction
}
export const shaped = {
  one: withContext(async (x: number, context: Context) => `${x} ${context.id}`),
  raw: rawWithContext((input, _output, context) => input.length + context.worker),
}
export const optional = withContext((a: number, b: number | undefined, { signal }: Context) => [a, b, signal.aborted])
// @ts-expect-error -- the last parameter of the function is no context
export const wrong = withContext((a: number) => a)

export async function aContextIsNotSeen(lease: Lease<Wanting>, own: Lease<typeof shaped>): Promise<void> {
  is<string>()(await lease.call.one(1))
  is<string>()(await own.call.one(1))
  is<string[]>()(await own.map.one([1, 2]))
  is<Uint8Array>()(await own.call.raw(new Uint8Array(1)))
  is<Uint8Array>()(own.invokeSync('raw', own.reserve(1)))
  is<(a: number, b: number | undefined) => (number | boolean | undefined)[]>()((a: number, b: number | undefined) => optional(a, b)) // prettier-ignore
  // @ts-expect-error -- text is no number
  await own.call.one('1')
  // @ts-expect-error -- the context is not the caller's
  await own.call.one(1, {} as Context)
}

/** Handlers of AWS Lambda: their callers see the event only. */
interface Handlers {
  handler: (event: { key: string }, context: { awsRequestId: string }) => Promise<{ path: string }>
  either: (event: { key: string }, context: object, callback: (error?: Error | null, result?: number) => void) => void | Promise<number> // prettier-ignore
  callback: (event: string, context: object, callback: (error: null, result: number) => void) => void
}

export async function handlersOfLambda(cluster: Cluster): Promise<void> {
  await using lease = await cluster.lease<LambdaModule<Handlers>>({ functions: 'a.js', kind: 'lambda' })
  is<{ path: string }>()(await lease.call.handler({ key: 'k' }))
  is<number>()(await lease.call.either({ key: 'k' }))
  is<unknown>()(await lease.call.callback('text'))
  // @ts-expect-error -- it is another event
  await lease.call.handler({ bucket: 'b' })
  // @ts-expect-error -- the context is not the caller's
  await lease.call.handler({ key: 'k' }, { awsRequestId: '1' })
  // @ts-expect-error -- there is no such kind
  await cluster.lease({ functions: 'a.js', kind: 'azure' })
  const own = lambda((event: { key: string }, context) =>
    Promise.resolve(event.key.length + context.getRemainingTimeInMillis()),
  )
  is<Promise<number>>()(own({ key: 'k' }))
}
