// Returns its input. Piscina imports this module in its thread, and this module imports Piscina from beside this file.
import type { PiscinaModule } from './types.ts'
import { MOVED_BYTES_MIN } from '../worker-threads/client.ts'

const { move } = (await import('piscina' as string)) as PiscinaModule

export default (payload: Uint8Array): unknown => (payload.length >= MOVED_BYTES_MIN ? move(payload) : payload)
