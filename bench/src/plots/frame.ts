import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { INK, MUTED } from './colors.ts'

export interface Margin {
  top: number
  right: number
  bottom: number
  left: number
}

const WIDTH = 880
const FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif'

/** How the labels of an axis look. */
export const AXIS = { tickSize: 0, tickPadding: 9, color: MUTED, fontSize: 12, label: null }

/** Draws a plot as a self-contained SVG document: its own background, its own fonts, no script. */
export function drawFrame(title: string, height: number, margin: Margin, plot: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html></html>')
  const svg = Plot.plot({
    document: document as never,
    className: 'chart',
    width: WIDTH,
    height,
    marginTop: margin.top,
    marginRight: margin.right,
    marginBottom: margin.bottom,
    marginLeft: margin.left,
    style: { fontFamily: FONT, fontSize: '13px', color: INK, background: 'white' },
    ...plot,
  })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', title)
  svg.querySelector('style')!.insertAdjacentHTML('afterend', `<rect width="${WIDTH}" height="${height}" fill="white"/>`)
  return `${svg.outerHTML}\n`
}

/** Title and subtitle above the plot, and what the x axis shows below it. */
export function caption(title: string, subtitle: string, xLabel: string, margin: Margin): Plot.Markish[] {
  const at = (text: string, options: Plot.TextOptions): Plot.Markish =>
    Plot.text([text], { frameAnchor: 'top-left', textAnchor: 'start', ...options })
  return [
    at(title, { dx: 22 - margin.left, dy: 22 - margin.top, fontSize: 18, fontWeight: 700, fill: INK }),
    at(subtitle, { dx: 22 - margin.left, dy: 46 - margin.top, fontSize: 13, fill: MUTED }),
    Plot.text([xLabel], { frameAnchor: 'bottom-right', textAnchor: 'end', dy: 40, fontSize: 12, fill: MUTED }),
  ]
}
