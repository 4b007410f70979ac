import { amountOf } from '../lease/resources.ts'
import type { Resources } from '../lease/resources.ts'

/** The units of a node's resources that a lease has, by resource name: numbers from 0, ascending. */
export type Units = Readonly<Record<string, readonly number[]>>

/** The resource for which the variables of the vendors' drivers are set, too. */
const GPU = 'gpu'

/** A device number that no machine has: naming only this one selects no device. */
const NO_DEVICE = '65535'

/**
 * The environment variables that tell an executor which resources its lease has, set before anything of the lease is
 * loaded. They hide other devices from drivers that honour them; functions are not prevented from changing them.
 *
 * @param total the resources of the node: where it has GPUs, a lease without any sees none
 * @param own the environment of the node, which may itself be restricted to some GPUs, by Slurm for instance
 */
export function resourceEnvironment(total: Resources, units: Units, own: NodeJS.ProcessEnv): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, numbers] of Object.entries(units)) environment[variableOf(name)] = numbers.join(',')
  if (amountOf(total, GPU) > 0) Object.assign(environment, gpuEnvironment(units[GPU] ?? [], own))
  return environment
}

/**
 * NVIDIA: https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html: an empty value
 * means "no GPU devices are visible". AMD: https://rocm.docs.amd.com/en/latest/conceptual/gpu-isolation.html: the
 * runtime also takes an empty value as none (RvdFilter::SelectZeroDevices). HIP then renumbers the devices that
 * ROCR_VISIBLE_DEVICES has left, and selects by HIP_VISIBLE_DEVICES or, where that is unset, by CUDA_VISIBLE_DEVICES,
 * which is not meant for it here. Intel:
 * https://oneapi-src.github.io/level-zero-spec/level-zero/latest/core/PROG.html#affinity-mask: its driver takes an
 * empty value as all devices (ExecutionEnvironment::parseAffinityMask), and ignores devices that it does not have.
 */
function gpuEnvironment(numbers: readonly number[], own: NodeJS.ProcessEnv): Record<string, string> {
  const devices = (variable: string): string => {
    const listed = devicesIn(own[variable])
    return numbers.map((number) => (listed === null ? String(number) : listed[number])).join(',')
  }
  return {
    CUDA_VISIBLE_DEVICES: devices('CUDA_VISIBLE_DEVICES'),
    ROCR_VISIBLE_DEVICES: devices('ROCR_VISIBLE_DEVICES'),
    HIP_VISIBLE_DEVICES: Array.from(numbers.keys()).join(','),
    ZE_AFFINITY_MASK: devices('ZE_AFFINITY_MASK') || NO_DEVICE,
  }
}

/**
 * Why these resources cannot be expressed in an executor's environment, as the end of a sentence; null when they can.
 */
export function environmentProblem(total: Resources, own: NodeJS.ProcessEnv): string | null {
  const names = new Map<string, string>()
  for (const name of Object.keys(total)) {
    const other = names.get(variableOf(name))
    if (other !== undefined) return `resources ${other} and ${name} would both be ${variableOf(name)}`
    names.set(variableOf(name), name)
  }
  const gpus = amountOf(total, GPU)
  for (const variable of ['CUDA_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES', 'ZE_AFFINITY_MASK']) {
    const listed = devicesIn(own[variable])
    if (listed === null || listed.length >= gpus) continue
    return `resource gpu is ${gpus}, ${variable} has ${listed.length}: ${JSON.stringify(own[variable])}`
  }
  return null
}

/** The devices that a variable lists; null when it is unset or empty, so that it restricts nothing. */
function devicesIn(value: string | undefined): string[] | null {
  return value === undefined || value === '' ? null : value.split(',').map((device) => device.trim())
}

function variableOf(name: string): string {
  return `RFAAS_RESOURCE_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`
}
