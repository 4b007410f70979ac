// As with @types/aws-lambda, of which this is the part that counts.
interface ThumbnailEvent {
  readonly bucket: string
  readonly key: string
}
interface AwsContext {
  awsRequestId: string
  getRemainingTimeInMillis(): number
}
type Callback<R> = (error?: Error | string | null, result?: R) => void
type Handler<E, R> = (event: E, context: AwsContext, callback: Callback<R>) => void | Promise<R>

export const handler: Handler<ThumbnailEvent, { path: string }> = (event) =>
  Promise.resolve({ path: `${event.bucket}/${event.key}` })

export const async = async (event: ThumbnailEvent, context: AwsContext): Promise<string> => {
  await null
  return `${event.key} ${context.getRemainingTimeInMillis() > 0}`
}
