/**
 * Checks that the types of a functions module reach the caller. Nothing here runs: the compiler checks it, and a line
 * after `@ts-expect-error` that compiles fails the check.
 */
import type { Cluster, Lease } from 'rfaas'

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

  // map: one argument each, results in an array.
  is<number[]>()(await lease.map.double(new Set([1, 2])))
  is<Functions.Greeting[]>()(await lease.map.greet(['you', 'me']))
  is<Uint8Array[]>()(await lease.map.echo([new Uint8Array(1)]))
  // @ts-expect-error -- the elements are no numbers
  await lease.map.double(['1'])
  // @ts-expect-error -- one argument of two would be missing
  await lease.map.add([1, 2])

  // In place: raw functions only.
  using slot = lease.reserve(8)
  is<Uint8Array>()(lease.invokeSync('echo', slot))
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
