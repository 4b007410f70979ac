import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { BUNDLE_SLICE_BYTES } from '../../control/limits.ts'
import { RfaasError } from '../../errors.ts'
import { bundle } from '../bundle/bundle.ts'
import { SentBundle } from './send-bundle.ts'

type Rpc = Parameters<SentBundle['send']>[0]
type Put = Parameters<Rpc['putBundle']>[0]

describe('SentBundle', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rfaas-send-'))
    await mkdir(join(folder, 'data'))
    await writeFile(join(folder, 'data/large.bin'), Buffer.alloc(BUNDLE_SLICE_BYTES + 5))
    await writeFile(join(folder, 'main.ts'), `export const at = () => new URL('./data/large.bin', import.meta.url)`)
  })
  after(() => rm(folder, { recursive: true }))

  /** A node that keeps what it was sent. With `renews`, a new token arrives before each request that it was sent. */
  function node({ seesFiles, renews }: { seesFiles: boolean; renews: boolean }) {
    const puts: Put[] = []
    let newest = 0
    let isRenewed = false
    const token = (): string => `token ${newest}`
    const putBundle = (put: Put): Promise<{ complete: boolean }> => {
      isRenewed = renews && !isRenewed
      if (isRenewed) newest++
      if (put.token !== token()) return Promise.reject(new RfaasError('token_refused', 'it was renewed'))
      puts.push(put)
      return Promise.resolve({ complete: put.offset !== undefined && put.offset > 0 })
    }
    const hasBundle = () => Promise.resolve({ present: false, seesFiles })
    return { rpc: { hasBundle, putBundle } as unknown as Rpc, puts, token }
  }

  it('sends the module alone to a node that sees its files', async () => {
    const made = await bundle(join(folder, 'main.ts'))
    const distant = new Set<string>()
    const sent = new SentBundle(made, distant)
    const { rpc, puts, token } = node({ seesFiles: true, renews: false })
    const { bundleSha256, seenFiles } = await sent.send(rpc, 'near', token)
    assert.equal(bundleSha256, made.sha256)
    assert.deepEqual(seenFiles.map(({ path }) => path).slice(0, 1), [join(folder, 'main.ts')])
    assert.deepEqual(
      puts.map(({ offset, manifest }) => [offset, manifest]),
      [[undefined, undefined]],
    )
    assert.equal(distant.size, 0)
  })

  it('sends all in slices to one that does not, with the newest token, and remembers that', async () => {
    const distant = new Set<string>()
    const sent = new SentBundle(await bundle(join(folder, 'main.ts')), distant)
    const { rpc, puts, token } = node({ seesFiles: false, renews: true })
    const form = await sent.send(rpc, 'far', token)
    assert.deepEqual(form.seenFiles, [])
    assert.deepEqual(
      puts.map(({ offset }) => offset),
      [undefined, 0, BUNDLE_SLICE_BYTES],
    )
    assert.deepEqual([...distant], ['far'])
    assert.deepEqual(await sent.formFor('far'), form)
    assert.notEqual((await sent.formFor('other')).bundleSha256, form.bundleSha256)
  })
})
