// clock TRIPS WARMUP: a trip that does nothing, so what is left is the reading of the clock.
import { beginTrial, numberArgument, printSamples, timeTrips } from './samples.ts'

beginTrial()
printSamples(await timeTrips(() => {}, numberArgument(0, 'TRIPS'), numberArgument(1, 'WARMUP')))
