#!/usr/bin/env node
// Plain JavaScript without newer syntax, so that an old Node can read it and say that it is too old.
import { existsSync } from 'node:fs'
import { keepCompiled } from './compile-cache.mjs'
import { refusalOf } from './node-version.mjs'

const refusal = refusalOf(process.versions.node)
if (refusal !== null) {
  console.error(refusal)
  process.exit(1)
}
keepCompiled()
// The repository runs the sources as they are; the published package has only what was built from them.
const source = new URL('../src/cli/main.ts', import.meta.url)
await import(existsSync(source) ? source.href : new URL('../dist/cli/main.js', import.meta.url).href)
