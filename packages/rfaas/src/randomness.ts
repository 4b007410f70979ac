import { randomBytes, randomUUID } from 'node:crypto'

/** Where ids and secrets come from. */
export interface Randomness {
  bytes(count: number): Uint8Array
  uuid(): string
}

/** Cryptographically strong: the values cannot be guessed. */
export const systemRandomness: Randomness = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  uuid: () => randomUUID(),
}
