import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { environmentProblem, resourceEnvironment } from './resource-environment.ts'

describe('resourceEnvironment', () => {
  it('names the numbers of every resource that the lease has', () => {
    const total = { 'fpga-x.2': 4, licence: 1, disk: 2 }
    assert.deepEqual(resourceEnvironment(total, { 'fpga-x.2': [0, 3], licence: [0] }, {}), {
      RFAAS_RESOURCE_FPGA_X_2: '0,3',
      RFAAS_RESOURCE_LICENCE: '0',
    })
  })

  it('tells the drivers of its GPUs; HIP numbers them anew', () => {
    assert.deepEqual(resourceEnvironment({ gpu: 4 }, { gpu: [1, 3] }, {}), {
      RFAAS_RESOURCE_GPU: '1,3',
      CUDA_VISIBLE_DEVICES: '1,3',
      ROCR_VISIBLE_DEVICES: '1,3',
      HIP_VISIBLE_DEVICES: '0,1',
      ZE_AFFINITY_MASK: '1,3',
    })
  })

  it('a lease without GPUs sees none where the node has some; where it has none, nothing is said', () => {
    assert.deepEqual(resourceEnvironment({ gpu: 4 }, {}, {}), {
      CUDA_VISIBLE_DEVICES: '',
      ROCR_VISIBLE_DEVICES: '',
      HIP_VISIBLE_DEVICES: '',
      ZE_AFFINITY_MASK: '65535',
    })
    assert.deepEqual(resourceEnvironment({ fpga: 1 }, {}, { CUDA_VISIBLE_DEVICES: '2' }), {})
  })

  it('GPUs are those that the node itself was given', () => {
    const own = { CUDA_VISIBLE_DEVICES: '2, GPU-8932f937', ROCR_VISIBLE_DEVICES: '', ZE_AFFINITY_MASK: '0.1,1.0' }
    assert.deepEqual(resourceEnvironment({ gpu: 2 }, { gpu: [1] }, own), {
      RFAAS_RESOURCE_GPU: '1',
      CUDA_VISIBLE_DEVICES: 'GPU-8932f937',
      ROCR_VISIBLE_DEVICES: '1',
      HIP_VISIBLE_DEVICES: '0',
      ZE_AFFINITY_MASK: '1.0',
    })
  })
})

describe('environmentProblem', () => {
  it('says what could not be told', () => {
    assert.equal(environmentProblem({ gpu: 2, fpga: 1 }, { CUDA_VISIBLE_DEVICES: '0,1,2' }), null)
    assert.equal(
      environmentProblem({ 'a.b': 1, 'A-b': 1 }, {}),
      'resources a.b and A-b would both be RFAAS_RESOURCE_A_B',
    )
    assert.equal(
      environmentProblem({ gpu: 3 }, { CUDA_VISIBLE_DEVICES: '0,1' }),
      'resource gpu is 3, CUDA_VISIBLE_DEVICES has 2: "0,1"',
    )
  })
})
