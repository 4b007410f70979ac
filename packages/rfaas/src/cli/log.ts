import { Writable } from 'node:stream'
import { inspect, styleText } from 'node:util'
import { pino } from 'pino'
import type { Logger } from 'pino'
import type { LogLevel } from './options.ts'

/** The log of a command, on standard error: JSON lines for programs, one readable line an event on a terminal. */
export function createLog(level: LogLevel): Logger {
  const isTerminal = process.stderr.isTTY
  if (!isTerminal) return pino({ level, base: { pid: process.pid } }, pino.destination({ fd: 2, sync: true }))
  const readable = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      process.stderr.write(readableLine(String(chunk)))
      done()
    },
  })
  return pino({ level, base: null }, readable)
}

const LEVEL_STYLE = { trace: 'gray', debug: 'gray', info: 'green', warn: 'yellow', error: 'red', fatal: 'red' } as const

/** One JSON line of pino as `12:00:01 info  node registered nodeId=a cores=2`. */
export function readableLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as { level: number; time: number; msg: string }
  const label = (pino.levels.labels[level] ?? 'info') as keyof typeof LEVEL_STYLE
  const clock = new Date(time).toTimeString().slice(0, 8)
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    styleText(style, text, { stream: process.stderr })
  const details = Object.entries(fields).map(([name, value]) => ` ${paint('gray', `${name}=`)}${detail(value)}`)
  return `${paint('gray', clock)} ${paint(LEVEL_STYLE[label], label.padEnd(5))} ${msg}${details.join('')}\n`
}

function detail(value: unknown): string {
  return typeof value === 'string' && !/[\s"]/.test(value) ? value : inspect(value, { breakLength: Infinity })
}
