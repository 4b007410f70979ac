import { local } from 'rfaas'
import type { PiscinaModule } from '../shared/piscina.ts'
import type * as Work from './work.ts'
import { price, type AsianOption, type Price } from './work.ts'

/** Who computes for the route. */
export interface Pricing {
  price(option: AsianOption): Price | Promise<Price>
  /** Called when the server has answered its last request. */
  close(): Promise<void>
}

/** The route computes itself; meanwhile it answers nobody else. */
async function itself(): Promise<Pricing> {
  return { price, close: async () => {} }
}

/** Threads of piscina compute. */
async function piscina(workers: number): Promise<Pricing> {
  const { Piscina } = (await import('piscina' as string)) as PiscinaModule
  const filename = import.meta.resolve('./piscina-worker.ts')
  const pool = new Piscina({ filename, minThreads: workers, maxThreads: workers })
  return { price: (option) => pool.run(option) as Promise<Price>, close: () => pool.close() }
}

/** Leased workers compute. The server has one lease for as long as it lives. */
async function rfaas(workers: number): Promise<Pricing> {
  const cluster = await local({ cores: workers }) // or connect('http://manager:7070')
  const lease = await cluster.lease<typeof Work>({
    functions: import.meta.resolve('./work.ts'),
    cores: workers,
    // Polling between calls would take a core that the server needs: README.md
    hotTimeoutMs: 'never',
  })
  return {
    price: (option) => lease.call.price(option),
    async close() {
      await lease.release()
      await cluster.close()
    },
  }
}

export const WAYS = { itself, piscina, rfaas } as const satisfies Record<string, (workers: number) => Promise<Pricing>>
export type WayName = keyof typeof WAYS
