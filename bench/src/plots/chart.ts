import * as Plot from '@observablehq/plot'
import { MUTED } from './colors.ts'
import { AXIS, caption, drawFrame } from './frame.ts'
import { spread } from './spread.ts'

/** One axis: its range, and its labelled ticks with their unit. */
export interface Axis {
  scale: 'log' | 'linear'
  domain: readonly [from: number, to: number]
  ticks: readonly number[]
  format(value: number): string
}

/** This library; what it is compared with; a lower bound of the machine. */
export type Kind = 'ours' | 'peer' | 'floor'

export interface Line {
  /** Printed next to the line's end, in its color, in place of a legend. */
  label: string
  color: string
  kind: Kind
  points: readonly Point[]
}

export interface Point {
  x: number
  y: number
  /** Upper end of a pale band that shows the spread of the point. */
  upTo?: number
}

/** A value that does not depend on x. */
export interface Level {
  label: string
  y: number
}

export interface Chart {
  title: string
  /** Says what the y axis shows. */
  subtitle: string
  x: Axis & { label: string }
  y: Axis
  lines: readonly Line[]
  levels?: readonly Level[]
}

const HEIGHT = 500
const MARGIN = { top: 80, right: 244, bottom: 52, left: 76 }
const LABEL_HEIGHT = 16

/** Draws lines over two axes as a self-contained SVG document: its own background, its own fonts, no script. */
export function drawChart({ title, subtitle, x, y, lines, levels = [] }: Chart): string {
  return drawFrame(title, HEIGHT, MARGIN, {
    x: { type: x.scale, domain: [...x.domain], label: null },
    y: { type: y.scale, domain: [...y.domain], label: null },
    marks: [
      Plot.gridX(x.ticks, { stroke: '#000', strokeOpacity: 0.06 }),
      Plot.gridY(y.ticks, { stroke: '#000', strokeOpacity: 0.08 }),
      Plot.axisX(x.ticks, { text: x.format, ...AXIS }),
      Plot.axisY(y.ticks, { text: y.format, ...AXIS }),
      ...levels.map((level) => Plot.ruleY([level.y], { stroke: MUTED, strokeWidth: 1.25, strokeDasharray: '2,3' })),
      ...lines.flatMap(drawLine),
      ...endLabels(lines, levels, y),
      ...caption(title, subtitle, x.label, MARGIN),
    ],
  })
}

function drawLine({ color, kind, points }: Line): Plot.Markish[] {
  const band = points.filter(({ upTo }) => upTo !== undefined)
  return [
    Plot.areaY(band, { x: 'x', y1: 'y', y2: 'upTo', fill: color, fillOpacity: 0.13 }),
    Plot.lineY(points, {
      x: 'x',
      y: 'y',
      stroke: color,
      strokeWidth: kind === 'ours' ? 2.75 : 1.75,
      strokeLinecap: 'round',
      strokeLinejoin: 'round',
      ...(kind === 'floor' && { strokeDasharray: '6,4' }),
    }),
    ...(kind === 'floor'
      ? []
      : [Plot.dot(points, { x: 'x', y: 'y', r: 3, fill: color, stroke: 'white', strokeWidth: 1 })]),
  ]
}

/** The labels of lines and levels, right of the frame, moved apart where they would overlap. */
function endLabels(lines: readonly Line[], levels: readonly Level[], y: Axis): Plot.Markish[] {
  const labels = [
    ...lines.map(({ label, color, kind, points }) => ({ label, color, bold: kind === 'ours', at: points.at(-1)?.y })),
    ...levels.map((level) => ({ label: level.label, color: MUTED, bold: false, at: level.y })),
  ].flatMap(({ at, ...label }) => (at === undefined ? [] : [{ ...label, at: pixel(at, y) }]))
  const top = spread(
    labels.map(({ at }) => at),
    LABEL_HEIGHT,
    MARGIN.top,
    HEIGHT - MARGIN.bottom,
  )
  return labels.map(({ label, color, bold }, index) =>
    Plot.text([label], {
      frameAnchor: 'top-right',
      textAnchor: 'start',
      lineAnchor: 'middle',
      dx: 10,
      dy: top[index]! - MARGIN.top,
      fill: color,
      fontSize: 13,
      fontWeight: bold ? 600 : 400,
    }),
  )
}

function pixel(value: number, { scale, domain: [from, to] }: Axis): number {
  const of = scale === 'log' ? Math.log : (number: number) => number
  const share = (of(value) - of(from)) / (of(to) - of(from))
  return HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.top - MARGIN.bottom)
}
