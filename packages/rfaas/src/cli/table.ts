import { stripVTControlCharacters } from 'node:util'

/** One column of a table; numbers are easier to compare when they end at the same place. */
export interface Column {
  title: string
  align?: 'left' | 'right'
}

/** Lays out rows under their titles, two spaces apart, without spaces at the ends of lines. Colours have no width. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map((column) => column.title), ...rows]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => widthOf(line[index] ?? ''))))
  return lines
    .map((line) => columns.map((column, index) => pad(line[index] ?? '', widths[index]!, column.align)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}

function pad(text: string, width: number, align: Column['align'] = 'left'): string {
  const space = ' '.repeat(width - widthOf(text))
  return align === 'left' ? text + space : space + text
}

function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length
}
