import * as Plot from '@observablehq/plot'
import { AXIS, COLORS, draw, INK } from '../../shared/draw.ts'
import { counted, duration, short } from '../../shared/format.ts'
import type { JobResult, Phase } from '../result.ts'
import type { RoundTrips } from '../round-trips.ts'

const LABEL_WIDTH = 210
const BAR_HEIGHT = 34

/** One distribution of round trips, and how it is drawn. */
export interface Line {
  label: string
  color: string
  isBare: boolean
  roundTrips: RoundTrips
}

export function latencyLines({ bare, leases }: JobResult): Line[] {
  return [
    { label: 'shared memory', color: COLORS.bareLocal, isBare: true, roundTrips: bare.memory },
    { label: 'node:net', color: COLORS.bareNetwork, isBare: true, roundTrips: bare.socket },
    ...leases.map(({ fabric, roundTrips }) => {
      const color = fabric === 'local' ? COLORS.local : COLORS.network
      return { label: `rfaas, ${fabric}`, color, isBare: false, roundTrips }
    }),
  ]
}

/** Round trips of a no-op at each percentile, beside the same without rfaas. Both axes are logarithmic. */
export function latencyFigure(lines: readonly Line[]): string {
  const points = lines.flatMap(({ label, color, isBare, roundTrips }) =>
    roundTrips.distribution.map(({ percentile, ns }) => ({ label, color, isBare, x: oneInSoMany(percentile), ns })),
  )
  return draw('Round trips of a no-op at each percentile', 360, {
    marginLeft: 70,
    marginRight: 40,
    x: { type: 'log', label: null },
    y: { type: 'log', label: null, nice: true },
    marks: [
      Plot.gridY({ stroke: '#000', strokeOpacity: 0.08 }),
      Plot.axisY({ ...AXIS, ticks: 4, tickFormat: duration }),
      Plot.axisX([50, 90, 99, 99.9, 99.99].map(oneInSoMany), { ...AXIS, tickFormat: percentileOf }),
      ...[true, false].map((isBare) =>
        Plot.lineY(
          points.filter((point) => point.isBare === isBare),
          { x: 'x', y: 'ns', z: 'label', stroke: 'color', strokeWidth: 2.5, ...(isBare && { strokeDasharray: '6,4' }) },
        ),
      ),
    ],
  })
}

/** How fast the portfolio was priced in each way, with what that is against this thread alone. */
export function speedFigure({ speeds, speedup, workersBeside, leases }: JobResult): string {
  const workers = leases.reduce((sum, lease) => sum + lease.workers, 0)
  const times = (value: number | undefined): string => (value === undefined ? '' : `, ${short(value)} × as fast`)
  const bars = [
    { name: 'this thread alone', speed: speeds.alone, color: COLORS.bareLocal, against: undefined },
    {
      name: counted(workers, 'leased worker'),
      speed: speeds.leased,
      color: COLORS.local,
      against: speedup?.leased,
    },
    {
      name: `this thread and ${counted(workersBeside, 'worker')}`,
      speed: speeds.both,
      color: COLORS.both,
      against: speedup?.both,
    },
  ]
  return barFigure(
    'Options priced in a second',
    bars.map(({ name, speed, color, against }) => {
      const value = speed.optionsPerS / 1e6
      return { name, from: 0, to: value, color, text: `${short(value)} million/s${times(against)}` }
    }),
  )
}

/** What the job did, one after the other. */
export function phaseFigure(phases: readonly Phase[]): string {
  let startMs = 0
  return barFigure(
    'The phases of the job',
    phases.map(({ name, ms }) => {
      const from = startMs
      startMs += ms
      return { name, from, to: startMs, color: COLORS.local, text: duration(ms * 1e6) }
    }),
    430,
  )
}

interface Bar {
  name: string
  from: number
  to: number
  color: string
  text: string
}

function barFigure(title: string, bars: readonly Bar[], marginLeft: number = LABEL_WIDTH): string {
  return draw(title, bars.length * BAR_HEIGHT, {
    marginLeft,
    marginRight: 190,
    marginTop: 0,
    marginBottom: 0,
    x: { axis: null },
    y: { domain: bars.map(({ name }) => name), padding: 0.35 },
    marks: [
      Plot.axisY({ ...AXIS, color: INK }),
      Plot.barX(bars, { y: 'name', x1: 'from', x2: 'to', fill: 'color', rx: 2 }),
      Plot.text(bars, { y: 'name', x: 'to', text: 'text', dx: 8, textAnchor: 'start', fill: INK }),
    ],
  })
}

/** Each further nine takes the same width: x is the reciprocal of the share of slower trips. */
function oneInSoMany(percentile: number): number {
  return 100 / (100 - percentile)
}

function percentileOf(soMany: number): string {
  return `${Number((100 - 100 / soMany).toFixed(3))} %`
}
