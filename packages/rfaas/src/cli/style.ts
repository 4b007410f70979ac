import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** Colours text for standard output: only on a terminal, and never against NO_COLOR. */
export function paint(format: Format, text: string): string {
  return styleText(format, text, { stream: process.stdout })
}
