import { closeSync, openSync, readSync } from 'node:fs'

import { isElf } from './elf.ts'
import { isWasm } from './wasm-binary.ts'

/** What the one file of a bundle is: a module of JavaScript, a WebAssembly module, or a shared library. */
export type BundleKind = 'javascript' | 'wasm' | 'native'

/** The kind of a bundle, by its first bytes; JavaScript is text, which never begins so. */
export function kindOfBundle(path: string): BundleKind {
  const head = new Uint8Array(4)
  const file = openSync(path, 'r')
  try {
    return kindOfCode(head.subarray(0, readSync(file, head)))
  } finally {
    closeSync(file)
  }
}

/** As {@link kindOfBundle}, of its contents or their first four bytes. */
export function kindOfCode(bytes: Uint8Array): BundleKind {
  return isElf(bytes) ? 'native' : isWasm(bytes) ? 'wasm' : 'javascript'
}
