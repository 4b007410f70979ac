import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { pino } from 'pino'
import type { Logger } from 'pino'
import { RfaasError } from '../errors.ts'
import { nodeEvents } from '../executor-manager/events.ts'
import { publish } from '../resource-manager/events.ts'
import { logManagerEvents, logNodeEvents } from './events.ts'
import { readableLine } from './log.ts'

type Line = { level: number; msg: string } & Record<string, unknown>

function collectingLog(): { log: Logger; lines: Line[] } {
  const lines: Line[] = []
  const write = (line: string): void => void lines.push(JSON.parse(line) as Line)
  return { log: pino({ base: null, timestamp: false }, { write }), lines }
}

test('readableLine writes one line of pino for a person', () => {
  const line = JSON.stringify({ level: 40, time: 0, nodeId: 'n-1', note: 'two words', cores: 2, msg: 'node lost' })
  assert.match(
    stripVTControlCharacters(readableLine(line)),
    /^\d\d:\d\d:\d\d warn {2}node lost nodeId=n-1 note='two words' cores=2\n$/,
  )
})

test('logManagerEvents writes what a resource manager publishes, with levels', () => {
  const { log, lines } = collectingLog()
  logManagerEvents(log)
  publish({ kind: 'node-lost', nodeId: 'n-1' })
  publish({ kind: 'failure', error: new RfaasError('internal', 'Cannot end expired leases and lost nodes: disk full') })
  assert.deepEqual(lines, [
    { level: 40, nodeId: 'n-1', msg: 'node lost: no heartbeat' },
    { level: 50, msg: 'Cannot end expired leases and lost nodes: disk full [internal]' },
  ])
})

test('logNodeEvents writes what a node publishes, with levels', () => {
  const { log, lines } = collectingLog()
  logNodeEvents(log)
  const error = new RfaasError('manager_unreachable', 'Cannot reach the resource manager at http://m:1')
  nodeEvents.publish({ kind: 'manager-away', nodeId: 'n-1', error })
  nodeEvents.publish({
    kind: 'lease-active',
    nodeId: 'n-1',
    leaseId: 'l-1',
    startMs: 81.4,
    start: 'cold',
    coldReason: 'this node keeps none ready',
  })
  for (const start of ['kept', 'pooled'] as const) {
    nodeEvents.publish({ kind: 'lease-active', nodeId: 'n-1', leaseId: 'l-1', startMs: 8, start, coldReason: null })
  }
  assert.deepEqual([lines[0]?.level, lines[0]?.['nodeId']], [40, 'n-1'])
  const sentence = 'Cannot reach the resource manager at http://m:1 [manager_unreachable]'
  assert.equal(lines[0]?.msg, `leases go on, but the resource manager is away: ${sentence}`)
  assert.deepEqual(lines[1], {
    level: 30,
    leaseId: 'l-1',
    startMs: 81,
    msg: 'executor started: this node keeps none ready',
  })
  assert.deepEqual(
    lines.slice(2).map(({ msg }) => msg),
    ['executor kept from an earlier lease', 'executor taken from the pool'],
  )
})
