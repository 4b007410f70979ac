import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/* How the figures of all examples look. */

export const INK = '#1b1f24'
const MUTED = '#6a737d'
export const COLORS = {
  local: '#0b6bcb',
  network: '#c2410c',
  bareLocal: '#7f8c99',
  bareNetwork: '#a8937f',
  both: '#0a3d73',
} as const
const WIDTH = 860
export const AXIS = { tickSize: 0, color: MUTED, label: null } as const

/** A figure as SVG. @param title for readers that do not see it */
export function draw(title: string, height: number, options: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html></html>')
  const style = { fontFamily: 'inherit', fontSize: '14px', color: INK, overflow: 'visible' }
  const svg = Plot.plot({ document: document as never, width: WIDTH, height, style, ...options })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', title)
  return svg.outerHTML
}
