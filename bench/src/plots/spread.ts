/**
 * Moves positions apart until no two are closer than `gap`, each as little as possible, without changing their order.
 *
 * @returns one position for each given one, between `from` and `to` if there is room for all
 */
export function spread(positions: readonly number[], gap: number, from: number, to: number): number[] {
  const order = positions.map((_, index) => index).sort((a, b) => positions[a]! - positions[b]!)
  // Positions that touch form a run and move together; a run is placed where its members would be on average.
  const runs: { sum: number; indices: number[] }[] = []
  for (const index of order) {
    let run = { sum: positions[index]!, indices: [index] }
    for (
      let before = runs.at(-1);
      before !== undefined && end(before, gap) + gap > begin(run, gap);
      before = runs.at(-1)
    ) {
      runs.pop()
      run = { sum: before.sum + run.sum, indices: [...before.indices, ...run.indices] }
    }
    runs.push(run)
  }
  const spreadOut = new Array<number>(positions.length).fill(0)
  for (const run of runs) run.indices.forEach((index, at) => (spreadOut[index] = begin(run, gap) + at * gap))
  return keepWithin(spreadOut, order, gap, from, to)
}

function begin({ sum, indices }: { sum: number; indices: number[] }, gap: number): number {
  return sum / indices.length - ((indices.length - 1) * gap) / 2
}

function end(run: { sum: number; indices: number[] }, gap: number): number {
  return begin(run, gap) + (run.indices.length - 1) * gap
}

/** Keeps positions within the range: first pushes from one end, then from the other; each pushes the next. */
function keepWithin(positions: number[], order: readonly number[], gap: number, from: number, to: number): number[] {
  let least = from
  for (const index of order) least = (positions[index] = Math.max(positions[index]!, least)) + gap
  let most = to
  for (const index of order.toReversed()) most = (positions[index] = Math.min(positions[index]!, most)) - gap
  return positions
}
