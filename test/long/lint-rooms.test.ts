// The lint rules that keep the rooms apart, each proven on a line that breaks it and on one that may stand.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { ESLint } from 'eslint'

const root = join(import.meta.dirname, '../..')
const eslint = new ESLint({ cwd: root })

/** The rules that the code breaks in a file of that folder, except for unused names. */
async function broken(folder: string, code: string, isTest = false): Promise<string[]> {
  // The typed rules accept only existing files, so the path is real and only the text is ours.
  const [file] = globSync(`${folder}/**/*${isTest ? '.test' : ''}.ts`, {
    cwd: root,
    exclude: (path) => !isTest && path.endsWith('.test.ts'),
  })
  assert.ok(file !== undefined, `${folder} holds no file to lint`)
  return brokenIn(file, code)
}

async function brokenIn(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(root, file) })
  const rules = (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message)
  return rules.filter((rule) => !rule.endsWith('no-unused-vars'))
}

const SOURCES = 'packages/rfaas/src'

describe('rooms', () => {
  for (const room of ['client', 'executor', 'lease', 'protocol']) {
    it(`${room}/ imports no manager, configuration or CLI`, async () => {
      for (const other of [
        'resource-manager/manager.ts',
        'executor-manager/node.ts',
        'config/size.ts',
        'cli/exit.ts',
      ]) {
        const path = `../${other}`
        assert.deepEqual(await broken(`${SOURCES}/${room}`, `import '${path}'`), ['no-restricted-imports'], path)
        assert.deepEqual(await broken(`${SOURCES}/${room}`, `export * from '${path}'`), ['no-restricted-imports'], path)
        assert.deepEqual(await broken(`${SOURCES}/${room}`, `await import('${path}')`), ['no-restricted-syntax'], path)
      }
      assert.deepEqual(await broken(`${SOURCES}/${room}`, `import '../index.ts'`), ['no-restricted-imports'])
      assert.deepEqual(await broken(`${SOURCES}/${room}`, `import '../lease/lease.ts'\nimport '../limits.ts'`), [])
    })
  }

  it('client/local-thread.ts alone starts a manager and a node', async () => {
    const code = `import '../resource-manager/manager.ts'\nimport '../executor-manager/node.ts'`
    assert.deepEqual(await brokenIn(`${SOURCES}/client/local-thread.ts`, code), [])
    assert.deepEqual(await brokenIn(`${SOURCES}/client/local-thread.ts`, `import 'pino'`), ['no-restricted-imports'])
  })

  for (const room of ['accounting', 'lease', 'protocol']) {
    it(`${room}/ does no I/O`, async () => {
      const modules = ['node:fs', 'node:fs/promises', 'fs', 'node:net', 'node:http2', 'node:child_process']
      modules.push('node:worker_threads', 'node:timers/promises', '@connectrpc/connect', '@rfaas/fabric')
      for (const module of modules) {
        assert.deepEqual(await broken(`${SOURCES}/${room}`, `import '${module}'`), ['no-restricted-imports'], module)
        assert.deepEqual(
          await broken(`${SOURCES}/${room}`, `await import('${module}')`),
          ['no-restricted-syntax'],
          module,
        )
      }
      assert.deepEqual(await broken(`${SOURCES}/${room}`, `import 'node:crypto'\nimport 'jose'`), [])
    })

    it(`${room}/ takes its clock from the caller`, async () => {
      const properties = ['Date.now()', 'process.hrtime.bigint()']
      for (const code of properties) {
        assert.deepEqual(await broken(`${SOURCES}/${room}`, code), ['no-restricted-properties'], code)
      }
      for (const code of ['performance.now()', 'setTimeout(() => {}, 1)', 'setInterval(() => {}, 1)']) {
        assert.deepEqual(await broken(`${SOURCES}/${room}`, code), ['no-restricted-globals'], code)
      }
      assert.deepEqual(await broken(`${SOURCES}/${room}`, 'new Date()'), ['no-restricted-syntax'])
      assert.deepEqual(await broken(`${SOURCES}/${room}`, 'new Date(0).toISOString()'), [])
    })
  }

  it('@rfaas/fabric knows nothing of rfaas', async () => {
    for (const path of ['rfaas', 'rfaas/functions', '../../rfaas/src/errors.ts']) {
      assert.deepEqual(await broken('packages/fabric/src', `import '${path}'`), ['no-restricted-imports'], path)
    }
    assert.deepEqual(await broken('packages/fabric/src', `import './errors.ts'`), [])
  })

  it('only cli/ uses pino and commander', async () => {
    for (const module of ['pino', 'commander']) {
      for (const folder of [
        `${SOURCES}/resource-manager`,
        `${SOURCES}/client`,
        `${SOURCES}/lease`,
        'packages/fabric/src',
      ]) {
        assert.deepEqual(await broken(folder, `import '${module}'`), ['no-restricted-imports'], folder)
      }
      assert.deepEqual(await broken(`${SOURCES}/cli`, `import '${module}'`), [])
    }
  })

  it('lets tests over the walls', async () => {
    assert.deepEqual(await broken(`${SOURCES}/lease`, `import 'node:fs'\nDate.now()`, true), [])
  })
})

describe('lint', () => {
  const cases = {
    'no-floating-promises': ['async function f() {}\nf()', 'async function f() {}\nawait f()'],
    'no-misused-promises': ['[1].forEach(async () => {})', 'await Promise.all([1].map(async () => {}))'],
    'consistent-type-imports': [
      `import { RfaasError } from './errors.ts'\nexport type E = RfaasError`,
      `import type { RfaasError } from './errors.ts'\nexport type E = RfaasError`,
    ],
    'switch-exhaustiveness-check': [
      `export function f(x: 'a' | 'b'): void { switch (x) { case 'a': } }`,
      `export function f(x: 'a' | 'b'): void { switch (x) { case 'a': case 'b': } }`,
    ],
  }
  for (const [rule, [bad = '', good = '']] of Object.entries(cases)) {
    it(`${rule} tells right from wrong`, async () => {
      assert.deepEqual(await brokenIn(`${SOURCES}/errors.ts`, bad), [`@typescript-eslint/${rule}`])
      assert.deepEqual(await brokenIn(`${SOURCES}/errors.ts`, good), [])
    })
  }

  it('does not ask to await what node:test runs itself', async () => {
    const code = `import { describe, it, test } from 'node:test'\ndescribe('a', () => { it('b', () => {}) })\ntest('c', () => {})`
    assert.deepEqual(await brokenIn(`${SOURCES}/errors.ts`, code), [])
  })
})
