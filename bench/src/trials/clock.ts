// clock TRIPS WARMUP: an empty trip, which measures the reading of the clock.
import { beginTrial, numberArgument, printSamples, timeTrips } from './samples.ts'

beginTrial()
printSamples(await timeTrips(() => {}, numberArgument(0, 'TRIPS'), numberArgument(1, 'WARMUP')))
