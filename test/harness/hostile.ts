import { closeSync, writeSync } from 'node:fs'

/* Hostile functions: they misuse the descriptor over which their executor talks with its node. */

export const add = (a: number, b: number): number => a + b

export function write(fd: number, bytes: Uint8Array): void {
  writeSync(fd, bytes)
}

/** Writes as much as it can until it is killed. */
export function flood(fd: number, bytes: Uint8Array): void {
  for (;;) {
    try {
      writeSync(fd, bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

export function close(fd: number): void {
  closeSync(fd)
}
