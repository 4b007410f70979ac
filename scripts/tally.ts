import { relative } from 'node:path'
import type { TestsStream } from 'node:test'

import { testFileOf } from './test-file.ts'

/** Characters of a failure's text that are shown: enough for the message and the first frames. */
const MOST_CHARACTERS = 1500

interface Counts {
  passed: number
  skipped: number
  /** What failed: a test with its location and its error, or a sentence on what went wrong outside of the tests. */
  readonly problems: string[]
}

/** Counts what the test runner reports, file by file, over several runs. */
export class Tally {
  readonly #root: string
  readonly #files = new Map<string, Counts>()
  readonly #tookMs = new Map<string, number>()

  /** @param root - the folder that the paths of test files are shown relative to */
  constructor(root: string) {
    this.#root = root
  }

  get problems(): string[] {
    return [...this.#files.values()].flatMap(({ problems }) => problems)
  }

  get failed(): number {
    return this.problems.length
  }

  get total(): number {
    return this.failed + this.#sum('passed') + this.#sum('skipped')
  }

  get line(): string {
    return `${this.#sum('passed')} passed, ${this.failed} failed, ${this.#sum('skipped')} skipped`
  }

  /** Absolute paths of the files in which something failed. */
  get failedFiles(): string[] {
    return [...this.#files].flatMap(([file, { problems }]) => (file !== '' && problems.length > 0 ? [file] : []))
  }

  problemsOf(file: string): readonly string[] {
    return this.#files.get(file)?.problems ?? []
  }

  /** Drops what was reported of a file, because it runs again. */
  forget(file: string): void {
    this.#files.delete(file)
  }

  /** @param file - absolute; empty for a problem outside of any file */
  fail(sentence: string, file = ''): void {
    this.#of(file).problems.push(sentence)
  }

  get filesTimed(): number {
    return this.#tookMs.size
  }

  /** The files that took longest, longest first: how long and which. */
  slowest(count: number): string[] {
    const sorted = [...this.#tookMs].sort(([, a], [, b]) => b - a).slice(0, count)
    return sorted.map(([file, ms]) => `${(ms / 1000).toFixed(1).padStart(6)} s  ${relative(this.#root, file)}`)
  }

  listen(events: TestsStream): void {
    events.on('test:summary', ({ file, duration_ms: ms }) => {
      if (file !== undefined) this.#tookMs.set(file, ms)
    })
    events.on('test:pass', (event) => {
      const { name, skip, todo, details } = event
      const file = testFileOf(event)
      if (details.type === 'suite') return
      if (isSet(skip) || isSet(todo)) this.#of(file).skipped++
      // The runner reports a file that holds no test as a test of the file's name that passed.
      else if (name === file) this.fail(`${name} holds no test`, file)
      else this.#of(file).passed++
    })
    events.on('test:fail', (event) => {
      const { name, file: written = '', line = 0, skip, todo, details } = event
      const file = testFileOf(event)
      if (isSet(skip) || isSet(todo)) this.#of(file).skipped++
      // A suite fails with its tests, which are counted already; by itself it fails only in a hook.
      else if (details.type !== 'suite' || isHookFailure(details.error)) {
        this.fail(`${name} (${relative(this.#root, written)}:${line})\n${explained(details.error)}`, file)
      }
    })
  }

  #of(file: string): Counts {
    const known = this.#files.get(file) ?? { passed: 0, skipped: 0, problems: [] }
    this.#files.set(file, known)
    return known
  }

  #sum(what: 'passed' | 'skipped'): number {
    return [...this.#files.values()].reduce((sum, counts) => sum + counts[what], 0)
  }
}

/** The runner wraps what the test threw. */
function explained(error: Error): string {
  const thrown = error.cause instanceof Error ? error.cause : error
  return (thrown.stack ?? thrown.message).slice(0, MOST_CHARACTERS)
}

/** A reason, or true; the runner gives an empty string for a reason that was not given. */
function isSet(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false
}

/** The runner's errors carry this; its types do not. */
function isHookFailure(error: Error): boolean {
  return 'failureType' in error && error.failureType === 'hookFailed'
}
