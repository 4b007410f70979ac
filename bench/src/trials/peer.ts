// peer NAME SERVER_CORE PAYLOAD_BYTES OUTSTANDING TRIPS WARMUP_MS BUDGET_MS: latency and calls/s of one peer's echo.
// Each of the two measurements ends after TRIPS or BUDGET_MS, the warming up after TRIPS or WARMUP_MS.
import { PEERS } from '../peers/catalog.ts'
import { timeCalls } from '../peers/latency.ts'
import { callsPerSecond } from '../peers/rate.ts'
import { beginTrial, numberArgument, printSamples } from './samples.ts'

beginTrial()
const peer = PEERS.find(({ name }) => name === process.argv[2])
if (peer === undefined) throw new Error(`There is no peer ${process.argv[2]}`)
const outstanding = numberArgument(3, 'OUTSTANDING')
const trips = numberArgument(4, 'TRIPS')
const warmup = { trips, budgetMs: numberArgument(5, 'WARMUP_MS') }
const measured = { trips, budgetMs: numberArgument(6, 'BUDGET_MS') }

const client = await peer.open({
  payloadBytes: numberArgument(2, 'PAYLOAD_BYTES'),
  outstanding,
  serverCore: numberArgument(1, 'SERVER_CORE'),
})
const lanes = Array.from({ length: outstanding }, () => client.openLane())
// Concurrent calls come first: they warm up faster, and a second of single calls does not warm up the slowest peers.
await callsPerSecond(client, lanes, warmup)
const perSecond = await callsPerSecond(client, lanes, measured)
await timeCalls(lanes[0]!, { trips, budgetMs: warmup.budgetMs / 4 })
const samplesNs = await timeCalls(lanes[0]!, measured)
await client.close()

printSamples(samplesNs)
process.stdout.write(`callsPerS=${perSecond}\n`)
