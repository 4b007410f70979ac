import { counted, duration, scientific, short, whole } from '../../shared/format.ts'
import { tooFew } from '../report.ts'
import type { JobResult, LeaseResult } from '../result.ts'
import { latencyFigure, latencyLines, phaseFigure, speedFigure, type Line } from './figures.ts'

const STYLE = `
  body { margin: 3rem auto; padding: 0 1rem; max-width: 860px; color: #1b1f24; background: #fff;
    font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif }
  h1 { font-size: 1.7rem; margin-bottom: 0 }
  h2 { font-size: 1.15rem; margin: 2.5rem 0 .3rem }
  p { margin: 0 0 1rem; color: #6a737d }
  svg { display: block; max-width: 100%; height: auto }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums }
  th, td { padding: .25rem 1.5rem .25rem 0; white-space: nowrap; text-align: left; border-bottom: 1px solid #e5e8eb; font-weight: normal }
  thead th { color: #6a737d }
  ul { display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; margin: 0; padding: 0; list-style: none }
  li { border-left: 1rem solid; padding-left: .5rem; line-height: 1.1 }
`

/** The result as one HTML file, which needs nothing else: no script, no other file, no network. */
export function renderPage(result: JobResult): string {
  const { portfolio, speedup, workersBeside, leases, checks, phases, cost } = result
  const title =
    speedup === null
      ? `${whole(portfolio.options)} options priced on leased workers`
      : `${whole(portfolio.options)} options priced ${short(speedup.both)} × as fast with ${counted(workersBeside, 'leased worker')}`
  const lines = latencyLines(result)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>rfaas: ${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escape(title)}</h1>
<p>${escape(portfolio.source)}. ${escape(leases.map(sentenceOf).join(' '))}</p>
<h2>How fast the options are priced</h2>
${speedup === null ? `<p>${escape(tooFew(result))}</p>` : `<p>Medians of several rounds, in which the three ways take turns.</p>\n${speedFigure(result)}`}
<h2>What a call costs</h2>
<p>A no-op with 64 bytes there and back, to a hot worker, one call at a time. Dashed: the same between two threads without rfaas.</p>
${legendOf(lines)}
${latencyFigure(lines)}
<h2>Where the time of the job went</h2>
<p>${escape(duration(phases.reduce((sum, { ms }) => sum + ms, 0) * 1e6))} in all.</p>
${phaseFigure(phases)}
<h2>What the leases cost</h2>
<p>At the prices of the resource manager.</p>
${tableOf(
  ['lease', 'allocated', 'polling', 'executing', 'invocations', 'cost'],
  [...leases.map(billOf), ['all', '', '', '', '', scientific(cost)]],
)}
<h2>Every price was checked</h2>
<p>Of each way, in each round.</p>
${tableOf(
  ['against', 'largest deviation', 'allowed', ''],
  checks.map(({ against, deviationMax, tolerance, passed }) => [
    against,
    scientific(deviationMax),
    scientific(tolerance),
    passed ? 'passed' : 'failed',
  ]),
)}
</body>
</html>
`
}

function legendOf(lines: readonly Line[]): string {
  const entries = lines.map(({ label, color, roundTrips }) => {
    const text = `${label}: median ${duration(roundTrips.medianNs)}`
    return `<li style="border-color: ${color}">${escape(text)}</li>`
  })
  return `<ul>${entries.join('')}</ul>`
}

function sentenceOf({ nodeId, fabric, workers, firstResultMs }: LeaseResult): string {
  const what = `${counted(workers, 'worker')} of node ${nodeId} over ${fabric}`
  return `${what}: first result ${duration(firstResultMs * 1e6)} after the request.`
}

function billOf({ leaseId, nodeId, usage, cost }: LeaseResult): string[] {
  return [
    `${leaseId} (${nodeId})`,
    `${short(usage.allocationCoreS)} core·s, ${short(usage.allocationGibS)} GiB·s`,
    duration(usage.hotPollingNs),
    duration(usage.executionNs),
    whole(usage.invocations),
    scientific(cost),
  ]
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`
  return `<table>
<thead>${row(head, 'th')}</thead>
<tbody>
${rows.map((cells) => row(cells, 'td')).join('\n')}
</tbody>
</table>`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** The name of an input file may hold anything. */
function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!)
}
