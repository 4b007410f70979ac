import { toRfaasError, type RfaasError } from '../../errors.ts'
import type { OpenedUpdate } from './lease-updater.ts'
import type { LeasedPart } from './leased-part.ts'
import type { LeasedCode } from './send-bundle.ts'

/**
 * Has the nodes of these parts start workers with other functions on the same cores, for an update in place. Undoes what it
 * did when one of them cannot.
 *
 * @throws what {@link LeasedPart.openBeside} throws
 */
export async function openInPlace(
  parts: readonly LeasedPart[],
  code: LeasedCode,
  giveUp: AbortSignal,
): Promise<Pick<OpenedUpdate, 'parts' | 'functions'>> {
  const outcomes = await Promise.allSettled(parts.map((part) => part.openBeside(code, giveUp)))
  const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) {
    const error = toRfaasError(failed.reason)
    await Promise.all(opened.map(({ part }) => standDown(part, error)))
    throw error
  }
  return { parts: opened.map(({ part }) => part), functions: opened[0]!.functions }
}

/** Ends workers that are not wanted in the place of others. The lease of these goes on. Ignores failures. */
export async function standDown({ keeper, channels, executorId }: LeasedPart, reason: RfaasError): Promise<void> {
  keeper.onWorker.delete(executorId)
  // First: while their channels are open, the node does not take their end for that of the client.
  await keeper.endExecutor(executorId)
  for (const channel of channels) channel.close(reason)
}
