export type Align = 'left' | 'right'

/** A Markdown table, padded as prettier pads it. */
export function markdownTable(
  head: readonly string[],
  align: readonly Align[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((cell, column) => Math.max(3, cell.length, ...rows.map((row) => row[column]!.length)))
  const pad = (cell: string, column: number): string =>
    align[column] === 'right' ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = widths.map((width, column) =>
    align[column] === 'right' ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  )
  return [line(head.map(pad)), line(rule), ...rows.map((row) => line(row.map(pad)))].join('\n')
}

/**
 * Replaces the part of a document between the marks of this name.
 *
 * @throws Error when the document does not have both marks, once each
 */
export function replacePart(document: string, name: string, part: string): string {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const pieces = document.split(begin)
  const [inside, after, ...more] = pieces[1]?.split(end) ?? []
  if (pieces.length !== 2 || inside === undefined || after === undefined || more.length > 0)
    throw new Error(`Cannot write the part ${name}: the document must have ${begin} and then ${end}, once each`)
  return `${pieces[0]}${begin}\n\n${part}\n\n${end}${after}`
}
