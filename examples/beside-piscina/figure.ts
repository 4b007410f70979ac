import * as Plot from '@observablehq/plot'
import { AXIS, COLORS, draw } from '../shared/draw.ts'
import { counted, short } from '../shared/format.ts'
import type { PoolComparison } from './compare.ts'
import type { PoolKind } from './pools.ts'

const WAYS: Readonly<Record<PoolKind, { readonly label: string; readonly color: string }>> = {
  alone: { label: 'alone', color: COLORS.bareLocal },
  piscina: { label: 'piscina', color: COLORS.bareNetwork },
  local: { label: 'local', color: COLORS.local },
  tcp: { label: 'tcp', color: COLORS.network },
}

/** Calls a second: for each number of workers a group of bars, one for each kind of pool. */
export function callsFigure({ title, measured }: PoolComparison): string {
  const bars = measured.map(({ kind, workers, callsPerS }) => ({ workers, callsPerS, ...WAYS[kind] }))
  return draw(`Calls a second over workers: ${title}`, 360, {
    marginLeft: 80,
    marginBottom: 40,
    fx: {
      label: null,
      axis: 'top',
      tickFormat: (workers: number) => (workers === 0 ? 'this thread' : counted(workers, 'worker')),
    },
    x: { label: null, axis: null, domain: Object.values(WAYS).map(({ label }) => label) },
    y: { label: null, domain: [0, Math.max(...bars.map(({ callsPerS }) => callsPerS)) * 1.1] },
    marks: [
      Plot.gridY({ stroke: '#000', strokeOpacity: 0.08 }),
      Plot.axisY({ ...AXIS, ticks: 5, tickFormat: (calls: number) => `${short(calls)} calls/s` }),
      Plot.axisX({ ...AXIS }),
      Plot.barY(bars, { fx: 'workers', x: 'label', y: 'callsPerS', fill: 'color', insetLeft: 2, insetRight: 2 }),
      Plot.text(bars, {
        fx: 'workers',
        x: 'label',
        y: 'callsPerS',
        text: ({ callsPerS }: (typeof bars)[number]) => short(callsPerS),
        dy: -8,
      }),
    ],
  })
}
