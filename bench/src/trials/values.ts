// values SAMPLES: an object of five numbers, encoded and decoded by the codec of calls. No worker; a sample is the mean of a
// hundred, because the clock takes as long as a tenth of one.
import { decodeArguments, encodeArguments } from '../../../packages/rfaas/src/protocol/codec.ts'
import { beginTrial, numberArgument, printSamples } from './samples.ts'

const PER_SAMPLE = 100
const WARMUP_SAMPLES = 1000

beginTrial()
const samples = numberArgument(0, 'SAMPLES')
// As between processes on one host.
const room = new Uint8Array(new SharedArrayBuffer(4096), 64, 1024)
const args = [{ spot: 36, strike: 40, rate: 0.06, volatility: 0.2, years: 1 }]

let decoded: unknown[] = []
const samplesNs = new Float64Array(WARMUP_SAMPLES + samples)
for (let sample = 0; sample < samplesNs.length; sample++) {
  const beginMs = performance.now()
  for (let i = 0; i < PER_SAMPLE; i++) {
    decoded = decodeArguments(room, encodeArguments(args, room))
  }
  samplesNs[sample] = ((performance.now() - beginMs) * 1e6) / PER_SAMPLE
}
if (JSON.stringify(decoded) !== JSON.stringify(args)) throw new Error('Another object has arrived')
printSamples(samplesNs.subarray(WARMUP_SAMPLES))
