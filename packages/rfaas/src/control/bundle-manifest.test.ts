import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { decodeManifest, encodeManifest, manifestName } from './bundle-manifest.ts'
import { BUNDLE_FILES_MAX } from './limits.ts'

const HASH = 'a'.repeat(64)
const file = (path: unknown, size: unknown = 1, hash: unknown = HASH): unknown[] => [path, size, hash, 0]

function manifest(files: unknown, links: unknown = [], format: unknown = 1): Uint8Array {
  return Buffer.from(JSON.stringify({ format, files, links }))
}

describe('the manifest of a packed bundle', () => {
  it('is read as it was written, and has one name', () => {
    const content = {
      files: [
        { path: 'module.mjs', sizeBytes: 3, sha256: HASH, isExecutable: false },
        { path: 'files/bin/ü tool', sizeBytes: 0, sha256: HASH, isExecutable: true },
      ],
      links: [{ path: 'files/node_modules/tool', target: 'files/bin' }],
    }
    const encoded = encodeManifest(content)
    assert.deepEqual(decodeManifest(encoded), content)
    assert.match(manifestName(encoded), /^[0-9a-f]{64}$/)
    assert.equal(manifestName(encoded), manifestName(encodeManifest(content)))
  })

  it('names no path that leaves the folder of the bundle', () => {
    const paths = [
      ...['/etc/passwd', '../up', 'files/../../up', 'files/a/../b', 'files/./a', 'files//a', 'files/', 'files', ''],
      ...['other/a', 'manifest.json', 'files/a\0b', `files/${'n'.repeat(256)}`, 'files/\ud800', 7, null],
    ]
    for (const path of paths) {
      const named = JSON.stringify(path)
      for (const hostile of [
        manifest([file('module.mjs'), file(path)]),
        manifest([file('module.mjs'), file('files/b')], [[path, 'files/b']]),
        manifest([file('module.mjs'), file('files/b')], [['files/link', path]]),
      ]) {
        assert.throws(() => decodeManifest(hostile), { code: 'invalid_argument' }, named)
      }
    }
  })

  it('has no path through a link or a file, and no link that leads to nothing or to a link', () => {
    const [module, inside] = [file('module.mjs'), file('files/a/b')]
    for (const [files, links] of [
      [[module, inside, file('files/link/c')], [['files/link', 'files/a']]],
      [[module, inside, file('files/a/b/c')], []],
      [[module, inside, inside], []],
      [[module, inside], [['files/a/b', 'files/a']]],
      [[module, inside], [['files/link', 'files/nothing']]],
      [
        [module, inside],
        [
          ['files/one', 'files/two'],
          ['files/two', 'files/one'],
        ],
      ],
    ]) {
      assert.throws(() => decodeManifest(manifest(files, links)), { code: 'invalid_argument' }, JSON.stringify(links))
    }
  })

  it('is refused when it is none, too long, of another format, or without a module', () => {
    for (const bytes of [
      Buffer.from('{'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('null'),
      manifest('files'),
      manifest([file('files/a')]),
      manifest([file('module.mjs')], [], 2),
      manifest([file('module.mjs', -1)]),
      manifest([file('module.mjs', 0.5)]),
      manifest([file('module.mjs', 1, 'A'.repeat(64))]),
      manifest(Array.from({ length: BUNDLE_FILES_MAX + 1 }, () => 0)),
    ]) {
      assert.throws(() => decodeManifest(bytes), { code: 'invalid_argument', message: /its manifest is not valid/ })
    }
  })
})
