import { threadId } from 'node:worker_threads'
import { raw } from 'rfaas/functions'

import { NASTY } from '../../packages/rfaas/src/test-thrown.ts'

/* Functions that test/what-travels.test.ts invokes. */

export const count = (): number => NASTY.length

export const whoAmI = (): { pid: number; threadId: number } => ({ pid: process.pid, threadId })

export const throws = (index: number): never => {
  throw NASTY[index]![1]
}

export const rejects = (index: number): Promise<never> => Promise.reject(NASTY[index]![1] as Error)

export const returns = (index: number): unknown => NASTY[index]![1]

export const throwsRaw = raw((input) => {
  throw NASTY[input[0]!]![1]
})

/** Throws outside of any invocation. */
export const throwsLater = (index: number): void => {
  setTimeout(() => {
    throw NASTY[index]![1]
  })
}

const gates: (() => void)[] = []

/** Runs until {@link open}. */
export const held = (): Promise<string> => new Promise((resolve) => gates.push(() => resolve('whole')))

export const open = (): void => gates.splice(0).forEach((gate) => gate())

export const twice = (): PromiseLike<number> =>
  ({
    then: (resolve: (value: number) => void) => {
      resolve(1)
      resolve(2)
      throw new Error('too late')
    },
  }) as PromiseLike<number>

class HttpError extends Error {
  readonly status = 404
  readonly details = { id: 7 }
}

export const notFound = (): never => {
  throw new HttpError('no such order', { cause: new TypeError('row not found') })
}

export const link = (): unknown => ({ items: [1, { url: new URL('http://example.org') }] })

export const nested = (depth: number): unknown =>
  Array.from({ length: depth }).reduce((inner) => ({ inner }), undefined)

/** As many libraries do: returns the bytes of the whole buffer under an array. */
export const bytesOf = ({ samples }: { samples: Float32Array }): Uint8Array =>
  new Uint8Array(samples.buffer as ArrayBuffer)

export const same = (value: unknown): unknown => value
