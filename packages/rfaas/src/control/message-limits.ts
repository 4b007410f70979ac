import type { BinaryReadOptions, DescMethod } from '@bufbuild/protobuf'
import { CONTROL_MESSAGE_BYTES_MAX, CONTROL_PLAIN_MESSAGE_BYTES_MAX } from './limits.ts'
import { ExecutorManagerService, ResourceManagerService } from './gen/rfaas_pb.ts'

const BUNDLES: DescMethod = ExecutorManagerService.method.putBundle
const LISTS: ReadonlySet<DescMethod> = new Set([
  ResourceManagerService.method.listNodes,
  ResourceManagerService.method.listLeases,
  ResourceManagerService.method.listFunctions,
])

/** Largest message that a server reads. Only bundles are large; a small bound keeps a peer from filling our heap. */
export function requestBytesMax(method: DescMethod): number {
  return method === BUNDLES ? CONTROL_MESSAGE_BYTES_MAX : CONTROL_PLAIN_MESSAGE_BYTES_MAX
}

/** Largest message that a client reads. */
export function answerBytesMax(method: DescMethod): number {
  return LISTS.has(method) ? CONTROL_MESSAGE_BYTES_MAX : CONTROL_PLAIN_MESSAGE_BYTES_MAX
}

/**
 * How messages are decoded. Unknown fields are skipped: if they were kept, each two bytes of them would become some
 * hundred bytes of our heap. Our messages nest four deep at most.
 */
export const READ_OPTIONS: BinaryReadOptions = { readUnknownFields: false, recursionLimit: 16 }
