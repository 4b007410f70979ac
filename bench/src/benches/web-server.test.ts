import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SeriesResult } from '../harness/rounds.ts'
import { webServerSummary } from './web-server.ts'

test('webServerSummary takes the smaller of both ratios within the rounds, and nothing when the server did not run', () => {
  const values = {
    rfaasPerS: [4000, 4400, 2000],
    piscinaPerS: [2000, 2000, 1000],
    rfaasP99Ms: [10, 20, 10],
    piscinaP99Ms: [11, 10, 12],
  }
  const results = [{ name: 'webServer', values }] as unknown as SeriesResult[]
  assert.deepEqual(
    webServerSummary(results).map(({ name, value, atLeast }) => ({ name, value, atLeast })),
    [
      { name: 'webServerOverPiscina', value: 1.1, atLeast: 1 },
      { name: 'webServerRateOverPiscina', value: 2, atLeast: undefined },
      { name: 'webServerP99OverPiscina', value: 1.1, atLeast: undefined },
    ],
  )
  assert.deepEqual(webServerSummary([]), [])
})
