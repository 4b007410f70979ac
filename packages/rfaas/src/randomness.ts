import { randomBytes, randomUUID } from 'node:crypto'

/** Where ids and secrets come from. */
export interface Randomness {
  bytes(count: number): Uint8Array
  uuid(): string
}

/** Nobody can guess what comes of it. */
export const systemRandomness: Randomness = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  uuid: () => randomUUID(),
}
