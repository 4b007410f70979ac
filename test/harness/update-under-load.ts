import { strict as assert } from 'node:assert'
import { readFileSync, writeFileSync } from 'node:fs'

import { NOTICED_MS_MAX, until, within } from './waiting.ts'

/**
 * Updates a lease while many callers call it, and checks that no call is lost, none runs twice, and none that is made after
 * the update meets the former version.
 *
 * @param path of a new file, in which the function writes the number of each call
 * @param count calls that function, which returns its version
 * @param versions the former and the next one
 */
export async function updateUnderLoad(
  path: string,
  count: (path: string, id: number) => Promise<string>,
  update: () => Promise<unknown>,
  versions: readonly [string, string],
): Promise<void> {
  writeFileSync(path, '')
  let isOver = false
  const answers: string[] = []
  let ids = 0
  const callers = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      const id = ids++
      answers[id] = await count(path, id)
    }
  })
  await until('called', () => answers.length, (calls) => calls > 100) // prettier-ignore
  await within(NOTICED_MS_MAX, 'updated', update())
  const before = ids
  await until('called', () => ids, (calls) => calls > before + 100) // prettier-ignore
  isOver = true
  await Promise.all(callers)
  const ran = readFileSync(path, 'utf8').trimEnd().split('\n').map(Number)
  assert.deepEqual(ran.sort((a, b) => a - b), Array.from({ length: ids }, (_, id) => id)) // prettier-ignore
  assert.ok(answers.slice(before).every((version) => version === versions[1]))
  assert.deepEqual([...new Set(answers)], versions)
}
