/** Shared libraries as functions: native code that is called in place, where the operator allows it. */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { local, type Lease, type LeaseOptions, type RawFunction } from 'rfaas'

import { compileLibrary, HAS_CC, HAS_CXX } from '../packages/rfaas/src/executor/test-library.ts'
import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import { FABRICS } from './harness/fabrics.ts'
import { giveUpOnceBegun } from './harness/give-up.ts'
import { Scene } from './harness/scene.ts'
import { NOTICED_MS_MAX, within } from './harness/waiting.ts'

interface Kernels {
  echo: RawFunction
  saxpy: RawFunction
  thumbnail: RawFunction
}

/** What misbehaves, and what shows how functions are called. */
const ODD = `
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
static uint32_t here;
/* Returns once as many workers are in it at the same time as the input says. */
uint32_t meet(void* in, uint32_t size, void* out) {
  __atomic_add_fetch(&here, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&here, __ATOMIC_SEQ_CST) < *(uint8_t*)in) {}
  return 0;
}
/* The addresses of input and output. */
uint32_t addresses(void* in, uint32_t size, void* out) {
  ((uint64_t*)out)[0] = (uint64_t)in;
  ((uint64_t*)out)[1] = (uint64_t)out;
  return 16;
}
uint32_t too_long(void* in, uint32_t size, void* out) { return *(uint32_t*)in; }
uint32_t fault(void* in, uint32_t size, void* out) { return *(volatile uint32_t*)8; }
uint32_t leave(void* in, uint32_t size, void* out) { exit(0); }
uint32_t give_up(void* in, uint32_t size, void* out) { abort(); }
uint32_t print(void* in, uint32_t size, void* out) { fprintf(stderr, "printed by %.*s\\n", (int)size, (char*)in); return 0; }
/* Makes the file that the input names, and never returns. */
uint32_t never(void* in, uint32_t size, void* out) {
  char path[512];
  snprintf(path, sizeof path, "%.*s", (int)size, (char*)in);
  close(open(path, O_CREAT | O_WRONLY, 0600));
  for (;;) pause();
}
`

interface Odd {
  meet: RawFunction
  addresses: RawFunction
  too_long: RawFunction
  fault: RawFunction
  leave: RawFunction
  give_up: RawFunction
  print: RawFunction
  never: RawFunction
}

const FLAGS = ['-fvisibility=hidden', '-Wall', '-Wextra', '-Werror']
const EXAMPLE = join(import.meta.dirname, '../examples/native/kernels.c')
const inThreads = FABRICS.includes('threads')
const skip = inThreads ? 'executors are threads' : HAS_CC ? false : 'cc is missing'
const NOTHING = new Uint8Array(0)
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer)

describe('native code', { skip }, () => {
  const here = embedded({ node: { allowNative: true, cores: 4 } })
  const file = (name: string): string => join(here.scene.folder, name)
  const leaseOdd = (options: Partial<LeaseOptions<Odd>> = {}): Promise<Lease<Odd>> =>
    here.cluster.lease<Odd>({ functions: file('odd.so'), ...options })

  before(() => {
    compileLibrary(file('kernels.so'), readFileSync(EXAMPLE, 'utf8'), 'c', ...FLAGS)
    compileLibrary(file('odd.so'), ODD)
  })

  for (const fabric of FABRICS) {
    test(`over ${fabric}: the example's functions, by value and in place, on each worker`, async () => {
      await using kernels = await here.cluster.lease<Kernels>({ functions: file('kernels.so'), fabric, cores: 2 })
      assert.deepEqual(kernels.functions, ['echo', 'saxpy', 'thumbnail'])
      assert.deepEqual(await kernels.call.echo(Uint8Array.of(1, 2, 3)), Uint8Array.of(1, 2, 3))
      assert.deepEqual(await kernels.each.echo(NOTHING), [NOTHING, NOTHING])
      const all = await kernels.map.echo(Array.from({ length: 100 }, (_, n) => u32(n)))
      assert.deepEqual(
        all,
        Array.from({ length: 100 }, (_, n) => u32(n)),
      )
      using slot = kernels.reserve(4 + 8 * 1000)
      const floats = slot.view(Float32Array)
      floats.fill(4).fill(3, 1, 1001)
      floats[0] = 2
      kernels.invokeSync('saxpy', slot)
      assert.deepEqual(slot.outputView(Float32Array), new Float32Array(1000).fill(10))
      await kernels.invoke('echo', slot)
      assert.deepEqual(slot.output, slot.input)
      const image = new Uint8Array(8 + 4 * 3)
      image.set([4, 0, 0, 0, 3, 0, 0, 0, ...[1, 3, 10, 20, 5, 7, 30, 40, 99, 99, 99, 99]])
      assert.deepEqual(await kernels.call.thumbnail(image), Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 4, 25))
      // Sizes that are not true.
      image[0] = 200
      assert.deepEqual(await kernels.call.thumbnail(image), NOTHING)
      // Larger than a slot.
      const large = new Uint8Array(3 * 2 ** 20).fill(7)
      assert.deepEqual(await kernels.call.echo(large), large)
    })
  }

  test('input and output are the memory of the slot: each begins at a multiple of 64, at the same place each time', async () => {
    await using odd = await leaseOdd()
    using slot = odd.reserve(64)
    const places = Array.from({ length: 3 }, () => {
      odd.invokeSync('addresses', slot)
      return [...slot.outputView(BigUint64Array)]
    })
    assert.deepEqual(places[1], places[0])
    assert.deepEqual(places[2], places[0])
    for (const address of places[0]!) assert.equal(address % 64n, 0n)
  })

  test('all workers of an executor are in one library at the same time', async () => {
    await using odd = await leaseOdd({ cores: 2 })
    await within(NOTICED_MS_MAX, 'met', odd.each.meet(Uint8Array.of(2)))
  })

  test('a result that says it is longer than its room is refused, and the worker stays', async () => {
    await using odd = await leaseOdd({ payloadBytesMax: 100 })
    assert.deepEqual(await odd.call.too_long(u32(100)).then((bytes) => bytes.length), 100)
    for (const bytes of [101, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
      const refused = error(
        'result_too_large',
        new RegExp(`its result has ${bytes} bytes, the lease's payloadBytesMax is 100`),
      )
      await assert.rejects(odd.call.too_long(u32(bytes)), refused)
    }
    assert.equal((await odd.call.addresses(NOTHING)).length, 16)
  })

  test('that ends its process ends its executor alone; with replace the lease goes on', async () => {
    await using neighbour = await here.lease()
    const play = async (name: 'fault' | 'leave' | 'give_up'): Promise<void> => {
      await using odd = await leaseOdd({ replace: true, waitMs: 10_000 })
      const replaced = new Promise((resolve) => odd.on('replaced', resolve))
      await assert.rejects(within(NOTICED_MS_MAX, 'over', odd.call[name](NOTHING)), error('executor_lost'), name)
      await within(NOTICED_MS_MAX, 'replaced', replaced)
      assert.equal((await odd.call.addresses(NOTHING)).length, 16)
    }
    await Promise.all((['fault', 'leave', 'give_up'] as const).map(play))
    assert.equal(await neighbour.call.add(1, 2), 3)
  })

  test('that does not return ends its executor once its caller has given up', async () => {
    await using odd = await leaseOdd({ abandonGraceMs: 100, replace: true, waitMs: 10_000 })
    const replaced = new Promise((resolve) => odd.on('replaced', resolve))
    const outcome = giveUpOnceBegun(here.scene.folder, (options, begun) => {
      return odd.call.never.with(options)(new TextEncoder().encode(begun))
    })
    await assert.rejects(within(NOTICED_MS_MAX, 'over', outcome), error('aborted'))
    await within(NOTICED_MS_MAX, 'replaced', replaced)
    assert.equal((await odd.call.addresses(NOTHING)).length, 16)
  })

  test('what it prints is output of the lease', async () => {
    const lines: string[] = []
    const odd = await leaseOdd({ output: ({ text }) => lines.push(text) })
    await odd.call.print(new TextEncoder().encode('nobody'))
    await odd.release()
    assert.deepEqual(lines, ['printed by nobody'])
  })

  test('it is deployed by reading its symbols, and leased by name', async () => {
    const { functions } = await here.cluster.deploy(file('kernels.so'), { name: 'kernels' })
    assert.deepEqual(
      functions,
      ['echo', 'saxpy', 'thumbnail'].map((name) => ({ name, raw: true })),
    )
    await using kernels = await here.cluster.lease<Kernels>({ functions: 'kernels@1' })
    assert.deepEqual(await kernels.call.echo(u32(7)), u32(7))
    compileLibrary(file('none.so'), 'int number;')
    await assert.rejects(
      here.cluster.deploy(file('none.so'), { name: 'none' }),
      error('module_failed', /exports no function/),
    )
  })

  test(
    'in C++ with the original signature and extern "C" it runs unchanged',
    { skip: HAS_CXX ? false : 'c++ is missing' },
    async () => {
      const source = `#include <cstdint>
      #include <string>
      extern "C" uint32_t upper(void* in, uint32_t size, void* out)
      {
        std::string text(static_cast<char*>(in), size);
        for (char& each : text) each = static_cast<char>(each - 32);
        text.copy(static_cast<char*>(out), text.size());
        return text.size();
      }`
      compileLibrary(file('upper.so'), source, 'c++')
      await using lease = await here.cluster.lease<{ upper: RawFunction }>({ functions: file('upper.so') })
      assert.deepEqual(lease.functions, ['upper'])
      assert.equal(new TextDecoder().decode(await lease.call.upper(new TextEncoder().encode('rfaas'))), 'RFAAS')
    },
  )

  test('a file that is no library, a kind and files fail the lease', async () => {
    const { cluster } = here
    const refused = (options: LeaseOptions, code: Parameters<typeof error>[0], message: RegExp) =>
      assert.rejects(cluster.lease(options), error(code, message))
    compileLibrary(file('text.so'), 'int f(void) { return 1; }', 'c', '-S')
    await refused({ functions: file('text.so') }, 'module_failed', /text\.so: it is not a shared library for Linux/)
    await refused({ functions: file('absent.so') }, 'invalid_argument', /there is no file \S+absent\.so/)
    await refused(
      { functions: file('odd.so'), kind: 'lambda' },
      'invalid_argument',
      /kind lambda is for JavaScript modules/,
    )
    await refused({ functions: file('odd.so'), files: ['*'] }, 'invalid_argument', /files are for JavaScript modules/)
  })
})

describe('native code that is not allowed', { skip }, () => {
  const here = embedded()
  const library = (): string => join(here.scene.folder, 'kernels.so')
  before(() => compileLibrary(library(), readFileSync(EXAMPLE, 'utf8'), 'c', ...FLAGS))

  test('is denied by the resource manager; under a name that does not tell, by the node', async () => {
    await assert.rejects(
      here.cluster.lease({ functions: library() }),
      error(
        'lease_denied',
        /label native=allowed asked, node embedded has no native; \S+kernels\.so is native code, which a node runs if its operator allows it \(rfaas node --allow-native\)$/,
      ),
    )
    await here.cluster.deploy(library(), { name: 'kernels' })
    await assert.rejects(
      here.cluster.lease({ functions: 'kernels' }),
      error('unsupported', /the functions are native code, which this node does not run; its operator can allow it/),
    )
  })

  test('is placed on the node that allows it, for the tenants that it names', async () => {
    const { scene, cluster } = here
    await scene.node(cluster.url, 'allowing', '--allow-native=vision,finance')
    const vision = await scene.connect(cluster.url, { tenant: 'vision' })
    {
      await using lease = await vision.lease<Kernels>({ functions: library() })
      assert.equal(lease.nodeId, 'allowing')
      assert.deepEqual(await lease.call.echo(u32(7)), u32(7))
    }
    await assert.rejects(
      cluster.lease({ functions: library() }),
      error('unsupported', /does not run for tenant default; its operator can allow it \(--allow-native=default\)/),
    )
  })
})

test('local() runs native code, unless it is told not to', { skip }, async () => {
  await using scene = new Scene()
  const library = join(scene.folder, 'kernels.so')
  compileLibrary(library, readFileSync(EXAMPLE, 'utf8'), 'c', ...FLAGS)
  {
    await using cluster = await local({ cores: 1, pool: 0 })
    await using lease = await cluster.lease<Kernels>({ functions: library })
    assert.deepEqual(await lease.call.echo(u32(7)), u32(7))
  }
  await using cluster = await local({ cores: 1, pool: 0, allowNative: false })
  await assert.rejects(cluster.lease({ functions: library }), error('lease_denied', /native=allowed asked/))
})

test('in threads it is refused', { skip: HAS_CC ? false : 'cc is missing' }, async () => {
  await using scene = new Scene()
  const library = join(scene.folder, 'kernels.so')
  compileLibrary(library, readFileSync(EXAMPLE, 'utf8'), 'c', ...FLAGS)
  const cluster = await scene.embedded({ node: { allowNative: true, fabrics: ['threads'] } })
  const fabric = 'threads'
  await assert.rejects(cluster.lease({ functions: library, fabric }), error('lease_denied', /native=allowed asked/))
  await cluster.deploy(library, { name: 'kernels' })
  await assert.rejects(
    cluster.lease({ functions: 'kernels', fabric }),
    error('unsupported', /executors of this node are threads of its own process, which native code could end/),
  )
})
