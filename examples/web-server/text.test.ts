import assert from 'node:assert/strict'
import { test } from 'node:test'
import { webServerFigure } from './figure.ts'
import { workersFor } from './main.ts'
import type { WebComparison } from './measure.ts'
import { textOf } from './text.ts'

const comparison: WebComparison = {
  workers: 1,
  connections: 32,
  works: [
    {
      ms: 0.2,
      paths: 1500,
      aloneRequestsPerS: 2400.4,
      measured: [
        { way: 'itself', load: 'single', requestsPerS: 2000, p50Ms: 0.4, p99Ms: 1 },
        { way: 'piscina', load: 'single', requestsPerS: 1900, p50Ms: 0.45, p99Ms: 2 },
        { way: 'rfaas', load: 'single', requestsPerS: 2100, p50Ms: 0.38, p99Ms: 1.5 },
        { way: 'itself', load: 'double', requestsPerS: 2400, p50Ms: 13, p99Ms: 20 },
        { way: 'piscina', load: 'double', requestsPerS: 3600, p50Ms: 8, p99Ms: 15 },
        { way: 'rfaas', load: 'double', requestsPerS: 4000, p50Ms: 7, p99Ms: 9 },
      ],
    },
  ],
  checked: 12345,
}

test('a comparison of web servers in text', () => {
  assert.equal(
    textOf(comparison),
    `web server, 0.2 ms of work in a request
  1 connection                            requests/s  p50     p99
    the route itself                      2,000       400 µs  1 ms
    piscina, 1 thread                     1,900       450 µs  2 ms
    rfaas, 1 leased worker                2,100       380 µs  1.5 ms
  32 connections, 4,801 requests/s asked  requests/s  p50     p99
    the route itself                      2,400       13 ms   20 ms
    piscina, 1 thread                     3,600       8 ms    15 ms
    rfaas, 1 leased worker                4,000       7 ms    9 ms
  checked: 12,345 answers, each the same as computed here
`,
  )
})

test('a comparison of web servers in a figure', () => {
  const svg = webServerFigure(comparison)
  assert.match(svg, /^<svg.*aria-label="Requests per second of a web server"/)
  for (const label of ['piscina, 1 thread', '0.2 ms of work, 1 connection', '4,000 requests/s, p99 9 ms'])
    assert.ok(svg.includes(label), label)
})

test('workersFor leaves a processor to the HTTP server where there are several', () => {
  assert.deepEqual([1, 2, 8].map(workersFor), [1, 1, 7])
})
