import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Waits until no other process holds the lock of a folder, and takes it. Disposing gives it back. The kernel holds it,
 * for the program `flock` of util-linux, so it is gone when this process ends, however it ends. Where there is no such
 * program, nothing is locked.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  // The holder says when it has the lock, and ends when this process closes its input.
  const holder = spawn('flock', [folder, 'sh', '-c', 'echo && exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] })
  const ended = new Promise((resolve) => holder.once('close', resolve).once('error', resolve))
  // A holder that could not be started reads nothing.
  holder.stdin.on('error', () => {})
  await Promise.race([once(holder.stdout, 'data'), ended])
  return {
    async [Symbol.asyncDispose]() {
      holder.stdin.end()
      await ended
    },
  }
}
