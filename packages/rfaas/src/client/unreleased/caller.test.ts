import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callerOf } from './caller.ts'

class Asked {
  ask(): Promise<string> {
    return this.#asked()
  }

  async #asked(): Promise<string> {
    return callerOf(this.ask)
  }
}

async function ask(): Promise<string> {
  return callerOf(ask)
}

const here = new RegExp(`^${import.meta.filename}:\\d+:\\d+$`)

test('names file, line and column of the call, of a function and of a method', async () => {
  assert.match(await ask(), here)
  assert.match(await new Asked().ask(), here)
})

test('is empty where the stack has no frame', async () => {
  const before = Error.stackTraceLimit
  try {
    Error.stackTraceLimit = 0
    assert.equal(await ask(), '')
  } finally {
    Error.stackTraceLimit = before
  }
})
