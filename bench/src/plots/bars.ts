import * as Plot from '@observablehq/plot'
import type { Axis } from './chart.ts'
import { INK, MUTED } from './colors.ts'
import { AXIS, caption, drawFrame } from './frame.ts'
import type { Margin } from './frame.ts'

/** A part of a bar. */
export interface Segment {
  name: string
  color: string
  value: number
}

export interface Bar {
  label: string
  segments: readonly Segment[]
  /** Printed at the bar's end. */
  end: string
}

export interface BarChart {
  title: string
  subtitle: string
  x: Axis & { label: string }
  bars: readonly Bar[]
  /** A value to compare with, as a dashed line. */
  level?: number
}

const ROW_HEIGHT = 38
const MARGIN = { top: 112, right: 90, bottom: 52 }
/** Room for a label of so many letters. */
const LETTER_WIDTH = 7.2
const LEGEND_TOP = 80
const LEGEND_GAP = 22

/** Draws horizontal bars, each of segments one after the other, with the names of the segments above them in their colors. */
export function drawBars({ title, subtitle, x, bars, level }: BarChart): string {
  const margin = { ...MARGIN, left: 24 + LETTER_WIDTH * Math.max(...bars.map(({ label }) => label.length)) }
  const pieces = bars.flatMap(({ label, segments }) => {
    let to = 0
    return segments.map(({ color, value }) => ({ label, color, from: to, to: (to += value) }))
  })
  const ends = bars.map(({ label, segments, end }) => ({
    label,
    end,
    at: segments.reduce((sum, { value }) => sum + value, 0),
  }))
  return drawFrame(title, MARGIN.top + MARGIN.bottom + ROW_HEIGHT * bars.length, margin, {
    x: { type: x.scale, domain: [...x.domain], label: null },
    y: { domain: bars.map(({ label }) => label), label: null, padding: 0.3 },
    marks: [
      Plot.gridX(x.ticks, { stroke: '#000', strokeOpacity: 0.08 }),
      Plot.axisX(x.ticks, { text: x.format, ...AXIS }),
      Plot.axisY({ ...AXIS, color: INK, fontSize: 13 }),
      Plot.barX(pieces, { x1: 'from', x2: 'to', y: 'label', fill: 'color' }),
      ...(level === undefined ? [] : [Plot.ruleX([level], { stroke: MUTED, strokeDasharray: '4,3' })]),
      Plot.text(ends, { x: 'at', y: 'label', text: 'end', textAnchor: 'start', dx: 8, fill: INK, fontSize: 13 }),
      ...legend(bars, margin),
      ...caption(title, subtitle, x.label, margin),
    ],
  })
}

function legend(bars: readonly Bar[], margin: Margin): Plot.Markish[] {
  const colors = new Map(bars.flatMap(({ segments }) => segments.map(({ name, color }) => [name, color] as const)))
  let left = 22
  return [...colors].map(([name, color]) => {
    const dx = left - margin.left
    left += name.length * LETTER_WIDTH + LEGEND_GAP
    const place = { frameAnchor: 'top-left', textAnchor: 'start', dx, dy: LEGEND_TOP - margin.top } as const
    return Plot.text([name], { ...place, fill: color, fontSize: 13, fontWeight: 600 })
  })
}
