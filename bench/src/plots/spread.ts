/**
 * Moves positions apart until no two are closer than `gap`, each as little as may be, in the order in which they are.
 *
 * @returns one position for each that was given, between `from` and `to` where there is room for all
 */
export function spread(positions: readonly number[], gap: number, from: number, to: number): number[] {
  const order = positions.map((_, index) => index).sort((a, b) => positions[a]! - positions[b]!)
  // Runs of positions that touch move as one: each run sits where its members would be on average.
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

/** From above down, then from below up: what hangs out at one end pushes the others before it. */
function keepWithin(positions: number[], order: readonly number[], gap: number, from: number, to: number): number[] {
  let least = from
  for (const index of order) least = (positions[index] = Math.max(positions[index]!, least)) + gap
  let most = to
  for (const index of order.toReversed()) most = (positions[index] = Math.min(positions[index]!, most)) - gap
  return positions
}
