import { checkModel } from '../model/check.ts'
import { COUNTS, predictedFabrics, predictedJobs, scaling } from '../model/scaling.ts'
import type { Results } from '../results/files.ts'
import { countAxis } from './axes.ts'
import type { Chart, Line } from './chart.ts'
import { MUTED, OTHERS, OURS_LOCAL, OURS_NETWORK, OURS_NETWORK_PALE, RAW_NETWORK } from './colors.ts'

const FABRIC_COLORS = [OURS_LOCAL, OURS_NETWORK, OTHERS[0]!]
const POINT_COLORS = { local: OURS_LOCAL, tcp: OURS_NETWORK_PALE }

/**
 * What the model says of one job, with the caller taking part, over so many workers as nobody here has; and what was
 * measured of this job. It shows the application that moves most bytes, or the function when no application was measured.
 */
export function paperModelChart(results: Results): Chart | null {
  const jobs = predictedJobs(results)
  const job = jobs.toSorted((a, b) => b.inputBytes / b.workNs - a.inputBytes / a.workNs)[0]
  const fabrics = predictedFabrics(results)
  if (job === undefined || fabrics.length === 0) return null
  const predicted = fabrics.map((fabric, index): Line => ({
    label: `model: ${fabric.name}`,
    color: FABRIC_COLORS[index] ?? RAW_NETWORK,
    kind: 'floor',
    points: scaling(job, fabric, true).map(({ workers, times }) => ({ x: workers, y: times })),
  }))
  const measured = (['local', 'tcp'] as const).flatMap((fabric): Line[] => {
    const points = checkModel(results)
      .filter((checked) => checked.fabric === fabric && checked.what.startsWith(job.name))
      .map((checked) => ({ x: checked.workers, y: checked.measured }))
    const label = `measured: ${fabric === 'tcp' ? 'tcp, loopback' : fabric}`
    return points.length === 0 ? [] : [{ label, color: POINT_COLORS[fabric], kind: 'ours', points }]
  })
  const ticks = [1, 2, 4, 8, 16, 32, 64, 128, 256]
  const heights = [...predicted, ...measured].flatMap(({ points }) => points.map(({ y }) => y))
  return {
    title: `The model: ${job.name}`,
    subtitle: 'Times as fast as the calling thread alone, when it and so many workers compute',
    x: countAxis('workers →', COUNTS),
    y: {
      scale: 'log',
      domain: [Math.min(0.5, ...heights), Math.max(COUNTS.at(-1)! + 1, ...heights)],
      ticks,
      format: (times) => `${times} ×`,
    },
    lines: [
      {
        label: 'a core each, nothing lost',
        color: MUTED,
        kind: 'floor',
        points: COUNTS.map((x) => ({ x, y: x + 1 })),
      },
      ...predicted,
      ...measured,
    ],
  }
}
