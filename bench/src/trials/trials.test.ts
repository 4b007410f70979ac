import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placed, placements } from '../harness/placement.ts'
import { nodeTrial, runTrial } from '../harness/trial.ts'

const ATTEMPTS = 5

for (const fabric of ['local', 'tcp']) {
  for (const trial of ['fabric-pingpong', 'hot']) {
    test(`${trial} over ${fabric} gives one sample a trip`, async () => {
      const { samplesNs } = await runTrial(nodeTrial(trial, fabric, 64, 300, 100), 30_000)
      assert.equal(samplesNs.length, 300)
      assert.ok(samplesNs.every((ns) => ns > 0))
    })
  }
}

test('clock gives one sample a trip', async () => {
  const { samplesNs } = await runTrial(nodeTrial('clock', 300, 100), 30_000)
  assert.equal(samplesNs.length, 300)
})

for (const [trial, ...args] of [
  ['atomics', 'sleep'],
  ['atomics', 'spin'],
  ['warm', 'local', 'sync'],
  ['warm', 'local', 'await'],
  ['warm', 'tcp', 'sync'],
] as const) {
  for (const { label, client, worker } of placements()) {
    test(`${trial} ${args.join(' ')} on ${label}: trips meet a sleeper`, async () => {
      const sleepsPerTrip: number[] = []
      // Beside other processes, a worker may not always get the processor in time to fall asleep.
      while (sleepsPerTrip.length < ATTEMPTS) {
        const { samplesNs, values } = await runTrial(placed(nodeTrial(trial, ...args, worker, 100, 50), client), 30_000)
        assert.equal(samplesNs.length, 100)
        sleepsPerTrip.push(values['sleepsPerTrip']!)
        if (sleepsPerTrip.at(-1)! > 0.5) return
      }
      assert.fail(`${sleepsPerTrip.join(', ')} sleeps a trip`)
    })
  }
}

test('idle: a worker that sleeps uses less of a processor than one that polls', async () => {
  const [asleep, hot] = [
    await runTrial(nodeTrial('idle', 'local', 'never', 1)),
    await runTrial(nodeTrial('idle', 'local', 'always', 1)),
  ]
  const ratio = asleep.values['workerCpuUsPerS']! / hot.values['workerCpuUsPerS']!
  assert.ok(ratio < 0.05, `${ratio} of what a hot worker uses`)
})

for (const [application, size] of [
  ['matmul', 64],
  ['blackScholes', 2000],
  ['jacobi', 64],
] as const) {
  for (const way of ['alone', 'threads', 'local', 'tcp']) {
    test(`applications ${application}: ${way} computes the right result`, async () => {
      const { values } = await runTrial(nodeTrial('applications', application, size, way, 20), 30_000)
      assert.ok(values['ms']! > 0)
    })
  }
}

test('a trial says which argument is wrong', async () => {
  await assert.rejects(runTrial(nodeTrial('clock', 'many', 100), 30_000), /TRIPS is not a whole number: many/)
})

for (const fabric of ['local', 'tcp']) {
  for (const f of ['ends', 'echo']) {
    for (const bytes of [1, 100_000]) {
      test(`payload over ${fabric} with ${f} and ${bytes} B gives one sample a trip`, async () => {
        const { samplesNs } = await runTrial(nodeTrial('payload', fabric, f, bytes, 20, 5), 30_000)
        assert.equal(samplesNs.length, 20)
        assert.ok(samplesNs.every((ns) => ns > 0))
      })
    }
  }

  for (const way of ['call', 'slots', 'all']) {
    test(`throughput over ${fabric} through ${way} gives a rate`, async () => {
      const { values } = await runTrial(nodeTrial('throughput', fabric, way, 8, 20), 30_000)
      assert.ok(values.callsPerSecond! > 0)
    })
  }
}

for (const fabric of ['local', 'tcp']) {
  test(`descriptors over ${fabric} gives both sides`, async () => {
    const { values } = await runTrial(nodeTrial('descriptors', fabric, 2), 30_000)
    assert.deepEqual(Object.keys(values), ['near', 'far'])
  })
}

for (const [outstanding, transport] of [
  [1, 'unix'],
  [32, 'unix'],
  [32, 'tcp'],
] as const) {
  test(`net-echo with ${outstanding} under way over ${transport} gives a rate`, async () => {
    const { values } = await runTrial(nodeTrial('net-echo', outstanding, 20, transport), 30_000)
    assert.ok(values.callsPerSecond! > 0)
  })
}

for (const f of ['compute', 'noop']) {
  for (const workers of [0, 1, 2]) {
    test(`parallel runs ${f} on ${workers || 'no'} workers and gives a rate`, async () => {
      const { values } = await runTrial(nodeTrial('parallel', f, workers, 20), 30_000)
      assert.ok(values.callsPerSecond! > 0)
    })
  }
}

test('payload to a worker that sleeps counts how often it fell asleep', async () => {
  const { samplesNs, values } = await runTrial(nodeTrial('payload', 'local', 'ends', 1024, 20, 5, 'warm'), 30_000)
  assert.equal(samplesNs.length, 20)
  assert.ok(values.sleepsPerTrip! > 0)
})

test('fan-out gives one sample a trip to all workers', async () => {
  const { samplesNs } = await runTrial(nodeTrial('fan-out', 'tcp', 2, 100_000, 20, 5), 30_000)
  assert.equal(samplesNs.length, 20)
})

for (const workers of [0, 2]) {
  test(`grain on ${workers || 'no'} workers computes the right result and gives a rate`, async () => {
    const { values } = await runTrial(nodeTrial('grain', 'tcp', workers, 1_000, 8_192, 20), 30_000)
    assert.ok(values.callsPerSecond! > 0)
  })
}

for (const way of ['sync', 'invoke', 'call']) {
  test(`async through ${way} gives one sample a trip`, async () => {
    const { samplesNs } = await runTrial(nodeTrial('async', way, 300, 100), 30_000)
    assert.equal(samplesNs.length, 300)
    assert.ok(samplesNs.every((ns) => ns > 0))
  })
}

for (const f of ['slow', 'noop']) {
  test(`async-hold gives one sample for each hold by ${f}`, async () => {
    const { samplesNs } = await runTrial(nodeTrial('async-hold', f, 3, 20), 30_000)
    assert.equal(samplesNs.length, 3)
  })
}

for (const policy of ['pack', 'spread']) {
  test(`placement, ${policy}: the index and a look at every node choose the same nodes`, async () => {
    const [index, scan] = [
      await runTrial(nodeTrial('placement', 'index', policy, 100, 1000, 400, 100)),
      await runTrial(nodeTrial('placement', 'scan', policy, 100, 1000, 400, 100)),
    ]
    assert.equal(index.samplesNs.length, 400)
    assert.ok(index.values['trace']! > 0)
    assert.deepEqual([scan.values['trace'], scan.values['denied']], [index.values['trace'], index.values['denied']])
  })
}

test('async-waiting gives the processor time of a client that waits', async () => {
  const { values } = await runTrial(nodeTrial('async-waiting', 100), 30_000)
  assert.ok(values.cpuMsPerSecond! >= 0)
})

for (const way of ['local', 'tcp']) {
  test(`background over ${way} gives samples, and tells how far the pool of the other node is`, async () => {
    const { samplesNs, values } = await runTrial(nodeTrial('background', way, 1, 50), 30_000)
    assert.ok(samplesNs.length >= 1_000)
    assert.ok(values['poolReady']! <= 1)
  })
}

test('background offload gives a rate', async () => {
  const { values } = await runTrial(nodeTrial('background', 'offload', 1, 50), 30_000)
  assert.ok(values['callsPerSecond']! > 0 && values['poolReady']! <= 1)
})

for (const fabric of ['local', 'tcp']) {
  test(`spin-hold over ${fabric} gives one sample a pass`, async () => {
    const { samplesNs } = await runTrial(nodeTrial('spin-hold', fabric, 3, 20, 50), 30_000)
    assert.equal(samplesNs.length, 50)
    assert.ok(samplesNs.every((ns) => ns > 0))
  })
}

for (const fabric of ['none', 'socket', 'local', 'tcp']) {
  test(`offload with ${fabric} gives a rate`, async () => {
    const { values } = await runTrial(nodeTrial('offload', fabric, 50), 30_000)
    assert.ok(values.callsPerSecond! > 0)
    if (fabric !== 'none') assert.ok(values.cpuUsPerCall! > 0)
  })
}
