// Loads the addons of a folder and uses them a little: `node smoke.mjs FOLDER`. Runs under emulation too.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(import.meta.url)
const [folder] = process.argv.slice(2)
const host = require(join(folder, 'rfaas_host.node'))

const memory = host.memoryCreate(8192)
assert.ok(memory > 0, `memoryCreate: ${memory}`)
const one = host.memoryMap(memory, 0, 8192)
const other = host.memoryMap(memory, 0, 8192)
new Uint8Array(one)[4096] = 7
assert.equal(new Uint8Array(other)[4096], 7)
host.memoryDetach(one)
assert.equal(one.byteLength, 0)
assert.equal(host.memoryMap(memory, 0, 16384), null)
assert.equal(host.descriptorClose(memory), 0)

const address = new Uint8Array(64)
const listener = host.tcpListen('127.0.0.1', address)
assert.ok(listener > 0, `tcpListen: ${listener}`)
assert.match(new TextDecoder().decode(address), /^127\.0\.0\.1:\d+\0/)
assert.equal(host.descriptorClose(listener), 0)

let verbs
try {
  verbs = `with libfabric ${require(join(folder, 'rfaas_verbs.node')).ofiVersion() >>> 16}`
} catch (error) {
  assert.match(error.message, /^libfabric\.so\.1: /)
  verbs = 'without libfabric, and says so'
}
console.log(`${process.arch} Node.js ${process.version}, ${verbs}`)
