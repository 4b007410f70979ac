import { getHeapStatistics } from 'node:v8'

import type { Context } from './context.ts'

/** What an AWS Lambda handler gets as its second argument. Equal to `Context` of @types/aws-lambda where it is used. */
export interface LambdaContext {
  /** Has no effect: the answer leaves as soon as the handler has given its result, and timers go on. */
  callbackWaitsForEmptyEventLoop: boolean
  functionName: string
  functionVersion: string
  invokedFunctionArn: string
  memoryLimitInMB: string
  awsRequestId: string
  logGroupName: string
  logStreamName: string
  identity?: undefined
  clientContext?: undefined
  /** Milliseconds until the caller's `timeoutMs`; without one, until 15 minutes after the call has begun. */
  getRemainingTimeInMillis(): number
  done(error?: Error | string | null, result?: any): void
  succeed(result?: any): void
  fail(error: Error | string): void
}

/** What an AWS Lambda handler gets as its third argument. */
export type LambdaCallback = (error?: Error | string | null, result?: any) => void

/** A handler as callers see it. */
export type LambdaResult<R> = [R] extends [void] ? unknown : Exclude<Awaited<R>, void>

/** The longest that AWS Lambda lets a function run. */
const LAMBDA_MS_MAX = 900_000

type Handler = (event: any, context: LambdaContext, callback: LambdaCallback) => unknown

/**
 * Runs an AWS Lambda handler: one that returns a promise, or calls its callback, or `context.succeed`, `fail` or `done`.
 *
 * @param name of the handler's export
 * @returns its result as JSON gives it, as in AWS Lambda; null for undefined
 */
export async function runLambda(handler: Handler, name: string, event: unknown, context: Context): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const done: LambdaCallback = (error, result) => {
    if (error === undefined || error === null) resolve(result)
    // A handler may give anything as its error.
    else reject(error as Error)
  }
  const returned = handler(event, lambdaContext(name, context, done), done)
  // A handler of three parameters that returns no promise answers by its callback.
  if (isPromise(returned) || handler.length < 3) resolve(returned)
  const json = JSON.stringify(await promise) as string | undefined
  return json === undefined ? null : (JSON.parse(json) as unknown)
}

function lambdaContext(exportName: string, context: Context, done: LambdaCallback): LambdaContext {
  const { env } = process
  const functionName = env['AWS_LAMBDA_FUNCTION_NAME'] ?? exportName
  const deadline = context.deadline ?? Date.now() + LAMBDA_MS_MAX
  const mib = Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20)
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: env['AWS_LAMBDA_FUNCTION_VERSION'] ?? '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${functionName}`,
    memoryLimitInMB: env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'] ?? String(mib),
    awsRequestId: crypto.randomUUID(),
    logGroupName: env['AWS_LAMBDA_LOG_GROUP_NAME'] ?? `/aws/lambda/${functionName}`,
    logStreamName: env['AWS_LAMBDA_LOG_STREAM_NAME'] ?? `worker-${context.worker}`,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done,
    succeed: (result) => done(null, result),
    fail: (error) => done(error),
  }
}

function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
