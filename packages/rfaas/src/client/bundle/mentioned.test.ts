import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { mentionedFiles, mentionedNames, runsItself } from './mentioned.ts'

describe('mentionedFiles', () => {
  const found = (text: string): string[] => [...mentionedFiles(text, '/app/src/main.ts')].sort()

  it('finds what is named beside the module, in all ways to write it', () => {
    for (const [text, path] of [
      [`new URL('./data/rates%20%231.csv', import.meta.url)`, '/app/src/data/rates #1.csv'],
      [`new URL(\n  "../top.txt",\n  import.meta.url,\n)`, '/app/top.txt'],
      ['new URL(`./models/${name}.onnx`, import.meta.url)', '/app/src/models'],
      [`readFileSync(import.meta.dirname + '/a.txt')`, '/app/src/a.txt'],
      [`fs.readFileSync(__dirname+"/a.txt")`, '/app/src/a.txt'],
      ['open(`${import.meta.dirname}/sub/a.txt`)', '/app/src/sub/a.txt'],
      ['open(`${__dirname}/sub/${name}.txt`)', '/app/src/sub'],
      [`path.join(__dirname, 'models', 'a.bin')`, '/app/src/models/a.bin'],
      ['join(import.meta.dirname, "models", `a.bin`, )', '/app/src/models/a.bin'],
      [`resolve(import.meta.dirname, '..', 'shared/models', name)`, '/app/shared/models'],
      [`import.meta.resolve('./thread.mjs')`, '/app/src/thread.mjs'],
      [`require.resolve("./lib/inner")`, '/app/src/lib/inner'],
    ] as const) {
      assert.deepEqual(found(text), [path], text)
    }
  })

  it('leaves out the folder itself, folders above it, and what only the running function knows', () => {
    for (const text of [
      `new URL('.', import.meta.url)`,
      `new URL('https://example.org/a', import.meta.url)`,
      'new URL(`./${name}`, import.meta.url)',
      `join(__dirname, name)`,
      `join(__dirname, '..', name)`,
      `import.meta.dirname + name`,
      `readFileSync('data.csv')`,
    ]) {
      assert.deepEqual(found(text), [], text)
    }
  })
})

describe('mentionedNames', () => {
  it('are those of imports and requires, without Node’s own', () => {
    const text = `import a from 'a'; import "b/c"; export * from '@d/e'; import('./f'); require("g"); import fs from 'fs'
      import { x } from 'node:path'; const y = require.resolve('h/package.json')`
    assert.deepEqual([...mentionedNames(text)].sort(), ['./f', '@d/e', 'a', 'b/c', 'g', 'h/package.json'])
  })
})

describe('runsItself', () => {
  it('is true of a module that starts threads or processes of itself', () => {
    for (const text of [
      'new Worker(new URL(import.meta.url))',
      'new Worker(__filename)',
      'fork(import.meta.filename)',
    ]) {
      assert.equal(runsItself(text), true, text)
    }
    assert.equal(runsItself(`new Worker(new URL('./other.mjs', import.meta.url))`), false)
  })
})
