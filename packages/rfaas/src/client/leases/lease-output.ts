import type { ExecutorManagerClient } from '../../control/client.ts'
import type { OutputLine } from '../types.ts'

/**
 * Passes on what the functions of a lease print. Settles when nothing more comes, and never rejects: without a node there is
 * no output, and the lease ends by itself.
 *
 * @param onLine what it throws is an uncaught exception of the program, and ends nothing else
 */
export async function readOutput(
  node: ExecutorManagerClient,
  token: string,
  partId: string,
  onLine: (line: OutputLine) => void,
): Promise<void> {
  try {
    for await (const { lines, dropped } of node.rpc.watchOutput({ token })) {
      let droppedBefore = dropped
      for (const { worker = null, stream, text, unixMs } of lines) {
        const line = {
          partId,
          worker,
          stream: stream === 2 ? 'stderr' : 'stdout',
          text,
          time: new Date(unixMs),
        } as const
        tell(onLine, { ...line, dropped: droppedBefore })
        droppedBefore = 0
      }
    }
  } catch {
    // The connection to the node has ended.
  }
}

/** Prints a line where this process prints its own. */
export function printLine({ stream, text, dropped }: OutputLine): void {
  const own = stream === 'stderr' ? process.stderr : process.stdout
  own.write(dropped === 0 ? `${text}\n` : `[${dropped} lines of output were dropped]\n${text}\n`)
}

function tell(onLine: (line: OutputLine) => void, line: OutputLine): void {
  try {
    onLine(line)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
