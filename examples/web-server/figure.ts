import * as Plot from '@observablehq/plot'
import { AXIS, COLORS, draw } from '../shared/draw.ts'
import { duration, short } from '../shared/format.ts'
import type { WebComparison } from './measure.ts'
import { loadOf, nameOf } from './text.ts'

const BAR_HEIGHT = 34

/** Requests per second as bars: one group for each work and load, with the 99th percentile of the latency beside each bar. */
export function webServerFigure({ works, workers, connections }: WebComparison): string {
  const bars = works.flatMap((work) => {
    const most = Math.max(...work.measured.map(({ requestsPerS }) => requestsPerS))
    return work.measured.map(({ way, load, requestsPerS, p99Ms }) => ({
      // Both works fill the width, though one takes many times as long.
      part: requestsPerS / most,
      way: nameOf(way, workers),
      group: `${work.ms} ms of work, ${loadOf(load, work, connections)}`,
      text: `${short(requestsPerS)} requests/s, p99 ${duration(p99Ms * 1e6)}`,
      color: way === 'rfaas' ? COLORS.local : way === 'piscina' ? COLORS.network : COLORS.bareLocal,
    }))
  })
  const groups = [...new Set(bars.map(({ group }) => group))]
  return draw('Requests per second of a web server', (bars.length + groups.length) * BAR_HEIGHT, {
    marginLeft: 180,
    marginRight: 260,
    marginTop: 30,
    x: { axis: null, domain: [0, 1] },
    y: { label: null },
    fy: { axis: null, domain: groups, padding: 0.3 },
    marks: [
      Plot.axisY({ ...AXIS }),
      Plot.barX(bars, { fy: 'group', y: 'way', x: 'part', fill: 'color', sort: { y: null } }),
      Plot.text(bars, { fy: 'group', y: 'way', x: 'part', text: 'text', dx: 8, textAnchor: 'start' }),
      Plot.text(groups, {
        fy: (group: string) => group,
        text: (group: string) => group,
        frameAnchor: 'top-left',
        dy: -18,
      }),
    ],
  })
}
