/** The three servers, with little load. Installs Fastify, piscina and autocannon from the npm registry. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { before, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { RfaasError } from 'rfaas'
import { installPackages } from '../shared/packages.ts'
import { drive, optionsOf } from './load.ts'
import { LOADS, measure, WORK_MS } from './measure.ts'
import { ServerProcess } from './server-process.ts'
import { WAYS, type WayName } from './ways.ts'
import { price } from './work.ts'

const INSTALL_TIMEOUT_MS = 180_000
const NAMES = Object.keys(WAYS) as WayName[]

describe('the web servers', () => {
  let reason: string | null = null
  before(
    async () => {
      try {
        await installPackages(new URL('./', import.meta.url))
      } catch (error) {
        if (!(error instanceof RfaasError && error.code === 'unsupported')) throw error
        reason = error.sentence
      }
    },
    { timeout: INSTALL_TIMEOUT_MS },
  )
  const testHere = (name: string, run: (t: TestContext) => Promise<void>): void =>
    void test(name, (t) => (reason === null ? run(t) : t.skip(reason)))

  testHere('measure asks all of them in turn, and checks every answer', async () => {
    const { works, checked } = await measure({ rounds: 1, workers: 1, connections: 4, seconds: 0.5 })
    assert.deepEqual(
      works.map(({ ms }) => ms),
      WORK_MS,
    )
    for (const { measured, aloneRequestsPerS } of works) {
      assert.deepEqual(
        measured.map(({ load, way }) => `${load} ${way}`),
        LOADS.flatMap((load) => NAMES.map((way) => `${load} ${way}`)),
      )
      assert.ok(measured.every(({ requestsPerS, p50Ms, p99Ms }) => requestsPerS > 0 && p50Ms > 0 && p99Ms >= p50Ms))
      assert.ok(aloneRequestsPerS > 0)
    }
    assert.ok(checked > 2 * WORK_MS.length * LOADS.length * NAMES.length)
  })

  for (const way of NAMES) {
    testHere(`a server that is told to end answers what it has received, and ends by itself (${way})`, async () => {
      const option = { strike: 100, paths: 200_000, seed: 1 }
      const ask = (url: string): Promise<Response> => fetch(`${url}/price?strike=100&paths=200000&seed=1`)
      let answer: Promise<Response>
      {
        await using server = await ServerProcess.start(way, 1)
        assert.deepEqual(await (await ask(server.url)).json(), price(option))
        answer = ask(server.url)
        // A request that has arrived: another one, sent after it on a connection of its own, is refused.
        assert.equal((await fetch(`${server.url}/price?strike=100&paths=0&seed=1`)).status, 400)
      }
      assert.deepEqual(await (await answer).json(), price(option))
    })
  }

  testHere('drive finds an answer that is wrong', async (t) => {
    let status = 200
    const server = createServer((_request, response) => {
      response.writeHead(status, { 'content-length': 2 }).end('{}')
    }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const load = { connections: 1, requests: 4 }
    await assert.rejects(drive(url, optionsOf(10), load), {
      code: 'internal',
      message: /^internal: The server's answer is wrong: 200 \{\}, not \{"price":/,
    })
    status = 500
    await assert.rejects(drive(url, optionsOf(10), load), { message: /answer is wrong: 500 \{\}, not/ })
  })

  testHere('drive goes on until there is an answer', async (t) => {
    let isHeld = true
    const server = createServer((request, response) => {
      if (isHeld) return void request.once('close', () => (isHeld = false))
      response.end(JSON.stringify(price(optionsOf(10)[0]!)))
    }).listen(0, '127.0.0.1')
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { checked } = await drive(url, optionsOf(10).slice(0, 1), { connections: 1, seconds: 0.2 })
    assert.ok(checked > 0)
    assert.equal(isHeld, false)
  })

  testHere('a server that cannot start says why', async () => {
    await assert.rejects(ServerProcess.start('none' as WayName, 1), {
      code: 'internal',
      message: /^internal: The server \(none\) has ended before it listened: .*TypeError/s,
    })
  })
})
