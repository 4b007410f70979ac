// web-server WORK_US MEASURE_MS: requests a second and p99 of three web servers, asked in turn, at twice the load that one
// carries which computes itself. WORK_US is how long a request computes, about. The example's packages are installed.
import { workersFor } from '../../../examples/web-server/main.ts'
import { measure } from '../../../examples/web-server/measure.ts'
import { beginTrial, numberArgument, printValue } from './samples.ts'

beginTrial()
const worksMs = [numberArgument(0, 'WORK_US') / 1000]
const seconds = numberArgument(1, 'MEASURE_MS') / 1000
const { works } = await measure({ rounds: 1, workers: workersFor(), worksMs, seconds })
for (const { way, load, requestsPerS, p99Ms } of works[0]!.measured) {
  if (load !== 'double') continue
  printValue(`${way}PerS`, requestsPerS)
  printValue(`${way}P99Ms`, p99Ms)
}
