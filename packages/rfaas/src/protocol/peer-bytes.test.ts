/** A peer may write into a payload while we read it: what is decoded from it may be anything, and nothing breaks. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { RfaasError } from '../errors.ts'
import { decodeArguments, decodeValue, encodeValue } from './codec.ts'
import { encodeSentence, encodeThrown } from './failure-bytes.ts'
import { copyPeerBytes } from './peer-bytes.ts'
import { decodeFailure, STATUS_FUNCTION_FAILED } from './status.ts'

/** Node was seen to abort on texts of more than 4 MiB that changed while it read them. */
const TEXT_BYTES = 6 * 2 ** 20
const ROUNDS = 30

/** Turns one pair of bytes in fifty into one two-byte letter and back into two letters, without end. */
const PEER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const pairs = new Uint16Array(workerData)
  parentPort.postMessage('writing')
  for (let turn = 0; ; turn++) for (let at = 2048; at < pairs.length; at += 50) pairs[at] = turn & 1 ? 0xa9c3 : 0x6161`

describe('a payload that its peer changes while it is read', () => {
  const payload = new Uint8Array(new SharedArrayBuffer(TEXT_BYTES))
  let peer: Worker

  before(async () => {
    peer = new Worker(PEER, { eval: true, workerData: payload.buffer })
    await once(peer, 'message')
  })
  after(() => peer.terminate())

  test('copyPeerBytes gives memory that no other thread writes', () => {
    const copy = copyPeerBytes(payload)
    assert.ok(copy.buffer instanceof ArrayBuffer)
    assert.equal(copy.byteOffset, 0)
    assert.deepEqual(Buffer.compare(copy, copy.slice()), 0)
  })

  test('as the text of a failure', () => {
    payload.fill(0x61)
    encodeSentence('a', payload)
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal(decodeFailure(STATUS_FUNCTION_FAILED, payload, 'f').code, 'function_failed')
    }
  })

  test('as a failure with parts', () => {
    const large = Object.assign(new Error('m'.repeat(60_000)), { stack: 's'.repeat(30_000) })
    const byteLength = encodeThrown(
      new AggregateError(Array.from({ length: 30 }, () => new Error(large.message))),
      payload,
    )
    for (let round = 0; round < ROUNDS; round++) {
      const error = decodeFailure(STATUS_FUNCTION_FAILED, payload.subarray(0, byteLength), 'f')
      assert.equal(error.code, 'function_failed')
    }
  })

  test('as a value', () => {
    const value = { texts: Array.from({ length: 1000 }, (_, i) => 'é'.repeat(500) + i), bytes: new Uint8Array(2 ** 20) }
    const byteLength = encodeValue(value, payload)
    assert.ok(byteLength > 0)
    for (const decode of [decodeValue, decodeArguments]) {
      for (let round = 0; round < ROUNDS; round++) {
        try {
          decode(payload.subarray(0, byteLength))
        } catch (error) {
          assert.ok(error instanceof RfaasError, String(error))
        }
      }
    }
  })
})
