import { local } from 'rfaas'
import type * as Pricing from './functions/pricing.ts'

await using cluster = await local({ cores: 2 })
await using lease = await cluster.lease<typeof Pricing>({
  functions: import.meta.resolve('./functions/pricing.ts'),
  cores: 2,
})

const put = { spot: 36, strike: 40, rate: 0.06, volatility: 0.2, years: 1 }
console.log('one:', await lease.call.price(put))

const years = [0.5, 1, 1.5, 2].map((years) => ({ ...put, years }))
console.log('many:', await lease.map.price(years))
