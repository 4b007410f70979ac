import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { transact } from './store.ts'
import type { Commit, Store } from './store.ts'

const commit = (conditions: Record<string, number>, changes: Record<string, string | null>): Commit => ({
  conditions: new Map(Object.entries(conditions)),
  changes: new Map(Object.entries(changes)),
})

/**
 * Tests that every store must pass.
 *
 * @param open returns a new, empty store
 */
export function storeConformance(name: string, open: () => Store | Promise<Store>): void {
  const withStore = (f: (store: Store) => Promise<void>) => async () => {
    const store = await open()
    try {
      await f(store)
    } finally {
      await store.close()
    }
  }

  describe(`${name}, as a store`, () => {
    test(
      'get gives what was committed, with a revision above 0; null for what is not there',
      withStore(async (store) => {
        assert.equal(await store.commit(commit({}, { a: 'one' })), true)
        const entry = await store.get('a')
        assert.equal(entry?.value, 'one')
        assert.ok(entry.revision > 0)
        assert.equal(await store.get('b'), null)
      }),
    )

    test(
      'list gives the entries under a prefix and no others, by key',
      withStore(async (store) => {
        const keys = ['a/2', 'a/1', 'a', 'a0', 'a/~', 'b/1', 'A/1', 'a/10']
        await store.commit(commit({}, Object.fromEntries(keys.map((key) => [key, `value of ${key}`]))))
        const entries = await store.list('a/')
        assert.deepEqual(
          entries.map(({ key, value }) => [key, value]),
          ['a/1', 'a/10', 'a/2', 'a/~'].map((key) => [key, `value of ${key}`]),
        )
        assert.equal((await store.list('')).length, keys.length)
        assert.deepEqual(await store.list('c/'), [])
      }),
    )

    test(
      'values come back as they were, whatever they hold',
      withStore(async (store) => {
        const values = ['', '"', "'; DROP TABLE entries", 'ünïcödé 🐅', '\u0001\n', 'x'.repeat(2 ** 20)]
        for (const value of values) {
          await store.commit(commit({}, { v: value }))
          assert.equal((await store.get('v'))?.value, value)
        }
      }),
    )

    test(
      'commit with a revision that is out of date changes nothing at all',
      withStore(async (store) => {
        await store.commit(commit({}, { a: 'one', b: 'one' }))
        const old = (await store.get('a'))!
        await store.commit(commit({ a: old.revision }, { a: 'two' }))
        const before = await store.list('')
        assert.equal(await store.commit(commit({ a: old.revision }, { a: 'three', b: 'three', c: 'three' })), false)
        assert.equal(await store.commit(commit({ a: old.revision }, { b: null })), false)
        assert.deepEqual(await store.list(''), before)
      }),
    )

    test(
      'commit on the condition that a key is absent succeeds once',
      withStore(async (store) => {
        assert.equal(await store.commit(commit({ a: 0 }, { a: 'first' })), true)
        assert.equal(await store.commit(commit({ a: 0 }, { a: 'second' })), false)
        assert.equal((await store.get('a'))?.value, 'first')
      }),
    )

    test(
      'a key that was deleted and made again has a new revision',
      withStore(async (store) => {
        await store.commit(commit({}, { a: 'one' }))
        const old = (await store.get('a'))!.revision
        await store.commit(commit({}, { a: null }))
        assert.equal(await store.get('a'), null)
        await store.commit(commit({ a: 0 }, { a: 'one' }))
        assert.ok((await store.get('a'))!.revision > old)
        assert.equal(await store.commit(commit({ a: old }, { a: 'two' })), false)
      }),
    )

    test(
      'any commits give what a plain map would',
      withStore(async (store) => {
        const changes = fc.dictionary(fc.constantFrom('a', 'b', 'a/b', 'c'), fc.option(fc.string(), { nil: null }), {
          noNullPrototype: true,
        })
        const model = new Map<string, string>()
        await fc.assert(
          fc.asyncProperty(fc.array(changes, { maxLength: 5 }), async (commits) => {
            for (const change of commits) {
              assert.equal(await store.commit(commit({}, change)), true)
              for (const [key, value] of Object.entries(change)) {
                if (value === null) model.delete(key)
                else model.set(key, value)
              }
            }
            const entries = await store.list('')
            assert.deepEqual(new Map(entries.map(({ key, value }) => [key, value])), model)
          }),
          { numRuns: 30 },
        )
      }),
    )

    test(
      'transact: twenty that count at once lose no count',
      withStore(async (store) => {
        const increment = () =>
          transact(store, async (transaction) => {
            const next = Number((await transaction.get('n')) ?? 0) + 1
            // Lets the others read the same number before this commit.
            await new Promise(setImmediate)
            transaction.set('n', String(next))
            return next
          })
        const results = await Promise.all(Array.from({ length: 20 }, increment))
        assert.equal((await store.get('n'))?.value, '20')
        assert.equal(new Set(results).size, 20)
      }),
    )

    test(
      'transact: an entry that was listed and is set must not have changed; what the body throws undoes all',
      withStore(async (store) => {
        await store.commit(commit({}, { 'n/1': 'a' }))
        let attempts = 0
        await transact(store, async (transaction) => {
          const [entry] = await transaction.list('n/')
          if (++attempts === 1) await store.commit(commit({}, { 'n/1': 'changed' }))
          transaction.set('n/1', `${entry!.value}!`)
        })
        assert.deepEqual([attempts, (await store.get('n/1'))?.value], [2, 'changed!'])
        const failing = transact(store, async (transaction) => {
          transaction.set('n/1', null)
          assert.equal(await transaction.get('n/1'), null)
          throw new Error('no')
        })
        await assert.rejects(failing, /no/)
        assert.equal((await store.get('n/1'))?.value, 'changed!')
      }),
    )

    test('after close every call throws closed; closing twice is fine', async () => {
      const store = await open()
      await store.close()
      await store.close()
      await assert.rejects(store.get('a'), { code: 'closed' })
      await assert.rejects(store.list(''), { code: 'closed' })
      await assert.rejects(store.commit(commit({}, { a: 'one' })), { code: 'closed' })
    })
  })
}
