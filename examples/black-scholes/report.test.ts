import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { renderReport } from './report.ts'
import { result } from './result-fixture.ts'

function stream(isTTY: boolean): NodeJS.WritableStream {
  return Object.assign(new Writable(), { isTTY, hasColors: () => isTTY, getColorDepth: () => 8 })
}

test('renderReport shows every number of the result at a place of its own', () => {
  assert.equal(
    renderReport(result, stream(false)),
    `
2 leases                            node near                              node far
  reached over                      local (shared memory)                  TCP
  lease                             lease-1, 1 worker                      lease-2, 1 worker
  request to first result           212 ms                                 212 ms
    bundle, grant beside; upload    12.3, 3 ms; 1.5 ms                     12.3, 3 ms; 1.5 ms
    allocate (start (load))         187 (cold 180 (4)) ms                  187 (cold 180 (4)) ms
    connect + first call            4 + 4.4 ms                             4 + 4.4 ms
  hot no-op, 64 B, median           0.512 µs                               0.512 µs
    99th percentile                 0.94 µs                                0.94 µs
    the same without rfaas, median  0.31 µs (shared memory)                41 µs (node:net)
  options priced                    604,160                                395,840
  cost                              2.71e-6                                2.71e-6
    allocated; polling, executing   1.2 core·s, 0.6 GiB·s; 830 ms, 410 ms  1.2 core·s, 0.6 GiB·s; 830 ms, 410 ms

1,000,000 options                   own portfolio, seed 123
  this thread alone                 15.9 million/s
  2 leased workers                  23.8 million/s                         1.5 × as fast
  this thread and 1 worker          28.6 million/s                         1.81 × as fast

Every price checked                 largest deviation
  ✔ against a local run             0                                      allowed 1e-9
  ✔ against put–call parity         3.55e-14                               allowed 1e-9

The leases cost                     5.42e-6                                at the prices of the resource manager

`,
  )
})

test('renderReport says why a small portfolio is not shared out, and gives no ratio', () => {
  const portfolio = { source: 'options.txt', options: 1_000, seed: null }
  const alone = { elapsedMs: 0.12, optionsPerS: 8.3e6 }
  const small = renderReport(
    { ...result, portfolio, speedup: null, speeds: { ...result.speeds, alone } },
    stream(false),
  )
  assert.match(
    small,
    /^One thread prices 1,000 options in 120 µs: too little work to share out\. From about 30,000 options on it is worthwhile here\.$/m,
  )
  assert.doesNotMatch(small, /as fast|together/)
})

test('renderReport is coloured on a terminal, and says the same', () => {
  const coloured = renderReport(result, stream(true))
  assert.notEqual(coloured, renderReport(result, stream(false)))
  assert.equal(stripVTControlCharacters(coloured), renderReport(result, stream(false)))
})
