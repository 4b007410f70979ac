import * as Plot from '@observablehq/plot'
import { AXIS, COLORS, draw } from '../shared/draw.ts'
import { short } from '../shared/format.ts'
import type { Comparison } from './compare.ts'

/** Speed-up over the number of threads: leased workers, this thread together with workers, and what is ideal. */
export function speedupFigure({ title, measured }: Comparison): string {
  const points = measured.map(({ workers, caller, speedup }) => {
    const isBoth = caller && workers > 0
    return {
      threads: workers + (caller ? 1 : 0),
      speedup,
      way: workers === 0 ? 'this thread alone' : isBoth ? 'this thread and workers' : 'leased workers',
      color: workers === 0 ? COLORS.bareLocal : isBoth ? COLORS.both : COLORS.local,
    }
  })
  const most = Math.max(...points.map(({ threads }) => threads))
  const threads = Array.from({ length: most }, (_, i) => i + 1)
  return draw(`Speed-up over threads: ${title}`, 360, {
    marginLeft: 50,
    marginRight: 190,
    x: { label: null, domain: [0.8, most + 0.2] },
    y: { label: null, domain: [0, Math.max(most, ...points.map(({ speedup }) => speedup)) * 1.05] },
    marks: [
      Plot.gridY({ stroke: '#000', strokeOpacity: 0.08 }),
      Plot.axisY({ ...AXIS, ticks: most + 1, tickFormat: (times: number) => `${times} ×` }),
      Plot.axisX(threads, { ...AXIS, tickFormat: (count: number) => `${count} ${count === 1 ? 'thread' : 'threads'}` }),
      Plot.lineY(threads, {
        x: (count) => count,
        y: (count) => count,
        stroke: COLORS.bareNetwork,
        strokeDasharray: '6,4',
      }),
      Plot.lineY(points, { x: 'threads', y: 'speedup', z: 'way', stroke: 'color', strokeWidth: 2 }),
      Plot.dot(points, { x: 'threads', y: 'speedup', fill: 'color', r: 5 }),
      Plot.text(points, {
        x: 'threads',
        y: 'speedup',
        text: ({ way, speedup }: (typeof points)[number]) => `${way} ${short(speedup)} ×`,
        dx: 10,
        textAnchor: 'start',
      }),
    ],
  })
}
