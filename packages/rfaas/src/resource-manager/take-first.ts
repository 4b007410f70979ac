/** Takes at most so many members out of a set, those first that were added first. */
export function takeFirst<T>(set: Set<T>, limit: number): T[] {
  const taken: T[] = []
  for (const member of set) {
    if (taken.length >= limit) break
    set.delete(member)
    taken.push(member)
  }
  return taken
}
