import { LABEL_CHARS_MAX, LABELS_MAX, RESOURCE_COUNT_MAX, RESOURCES_MAX } from './limits.ts'
import type { Resources } from './resources.ts'

/** Properties of a node by which people can choose it, by name: `{ zone: 'a' }`. */
export type Labels = Readonly<Record<string, string>>

export const NO_LABELS: Labels = {}

/*
 * Checks shared by the resource manager, the nodes and the clients. Each caller says in its own sentence what was not
 * possible.
 */

/** Why these cannot be labels, as the end of a sentence; null when they can. */
export function labelsProblem(labels: Labels): string | null {
  const entries = Object.entries(labels)
  if (entries.length > LABELS_MAX) return `${entries.length} labels are given, at most ${LABELS_MAX} are allowed`
  for (const [name, value] of entries) {
    const problem = nameProblem('a label', name) ?? nameProblem(`the value of label ${name}`, value)
    if (problem !== null) return problem
  }
  return null
}

/** Why these cannot be resources, as the end of a sentence; null when they can. */
export function resourcesProblem(resources: Resources): string | null {
  const entries = Object.entries(resources)
  if (entries.length > RESOURCES_MAX) {
    return `${entries.length} resources are given, at most ${RESOURCES_MAX} are allowed`
  }
  for (const [name, count] of entries) {
    const problem = nameProblem('a resource', name)
    if (problem !== null) return problem
    if (Number.isInteger(count) && count >= 1 && count <= RESOURCE_COUNT_MAX) continue
    return `resource ${name} is ${typeof count === 'number' ? count : JSON.stringify(count)}, must be a whole number from 1 to ${RESOURCE_COUNT_MAX}`
  }
  return null
}

/** Names are restricted because they are printed into tables and logs, and become names of variables. */
function nameProblem(what: string, name: unknown): string | null {
  if (typeof name === 'string' && name.length <= LABEL_CHARS_MAX && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    return null
  const shown = JSON.stringify(typeof name === 'string' ? name.slice(0, LABEL_CHARS_MAX + 1) : name)
  const rule = `1 to ${LABEL_CHARS_MAX} letters, digits or . _ -, the first a letter or a digit`
  return `${what} is ${shown}, must be ${rule}`
}
