/** The programs of the pages in docs/ run, and the commands that pages show have the options that rfaas has. */
import { strict as assert } from 'node:assert'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Command } from 'commander'

import { createProgram } from '../../packages/rfaas/src/cli/program.ts'
import { codeBlocksOf } from '../code-blocks.ts'
import { UserFolder } from '../user-folder.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGES = ['README.md', ...globSync('docs/*.md', { cwd: ROOT })]

/** A user's folder with the files of a page. */
function folderOf(page: string): UserFolder {
  const user = new UserFolder()
  for (const { file, code } of codeBlocksOf(page)) if (file !== '') user.write(file, code)
  return user
}

describe('docs/', () => {
  for (const [page, args, output] of [
    ['docs/coming-from.md', ['pool.mts'], /^144\n$/],
    ['docs/coming-from.md', ['burst.mts'], /^\[ 'image 7', 'image 8', 'image 9' \]\n$/],
    ['docs/parallel-loops.md', ['main.mts'], /^1000000 \{ caller: \d+, leases: \[ \d+ \] \}\n$/],
    ['docs/testing.md', ['--test', 'square.test.mts'], /^ℹ pass 1$/m],
  ] as const) {
    test(`${page}: node ${args.join(' ')}`, () => {
      using user = folderOf(page)
      const { status, stdout, stderr } = user.node(...args)
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' }, stdout)
      assert.match(stdout, output)
    })
  }

  test('every command line of rfaas has a command and options that there are', () => {
    const program = createProgram()
    let checked = 0
    for (const page of PAGES) {
      for (const { language, code } of codeBlocksOf(page)) {
        if (!['sh', 'console'].includes(language)) continue
        for (const [line, words] of code.matchAll(/\brfaas ((?:[a-z]+ ?)+.*)$/gm)) {
          const [name = '', sub = ''] = words!.split(' ')
          let command: Command | undefined = program.commands.find((found) => found.name() === name)
          assert.ok(command, `${page}: ${line}`)
          command = command.commands.find((found) => found.name() === sub) ?? command
          const known = command.options.map(({ long }) => long)
          for (const [option] of words!.replace(/ # .*/, '').matchAll(/--[a-z-]+/g)) {
            assert.ok(known.includes(option), `${page}: rfaas ${name} has no ${option}`)
          }
          checked++
        }
      }
    }
    assert.ok(checked > 15, `${checked}`)
  })
})
