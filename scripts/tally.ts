import type { TestsStream } from 'node:test'

/** Counts what the test runner reports, over several runs. */
export class Tally {
  passed = 0
  failed = 0
  skipped = 0
  /** What went wrong outside of the tests, a sentence each; each counts as one that failed. */
  readonly problems: string[] = []

  get total(): number {
    return this.passed + this.failed + this.skipped
  }

  get line(): string {
    return `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`
  }

  fail(sentence: string): void {
    this.problems.push(sentence)
    this.failed++
  }

  listen(events: TestsStream): void {
    events.on('test:pass', ({ name, file, skip, todo, details }) => {
      if (details.type === 'suite') return
      if (isSet(skip) || isSet(todo)) this.skipped++
      // The runner reports a file that holds no test as a test of the file's name that passed.
      else if (name === file) this.fail(`${name} holds no test`)
      else this.passed++
    })
    events.on('test:fail', ({ skip, todo, details }) => {
      if (isSet(skip) || isSet(todo)) this.skipped++
      // A suite fails with its tests, which are counted; on its own it fails in a hook.
      else if (details.type !== 'suite' || isHookFailure(details.error)) this.failed++
    })
  }
}

/** A reason, or true; the runner gives an empty string for a reason that was not given. */
function isSet(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false
}

/** The runner's errors carry this; its types do not. */
function isHookFailure(error: Error): boolean {
  return 'failureType' in error && error.failureType === 'hookFailed'
}
