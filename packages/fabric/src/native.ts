import { createRequire } from 'node:module'
import { getSystemErrorMap } from 'node:util'

import { addonMissing, addonPath, type AddonName } from './addon-path.ts'
import { FabricError, type FabricErrorCode } from './errors.ts'

/**
 * The `host` addon: what native/host.c registers, in its order. Numbers below 0 are `-errno`. Descriptors are plain
 * numbers; the caller that gets one must close it.
 */
export interface HostNative {
  memoryCreate(bytes: number): number
  memoryMap(descriptor: number, offset: number, bytes: number): ArrayBuffer | null
  memoryDetach(buffer: ArrayBuffer): void
  socketListen(name: string): number
  socketAccept(descriptor: number): number
  socketConnect(name: string): number
  socketSend(descriptor: number, bytes: Uint8Array, descriptors: Int32Array | null): number
  socketReceive(descriptor: number, bytes: Uint8Array, descriptors: Int32Array | null): number
  descriptorClose(descriptor: number): number
  channelOpen(memory: number, controlBytes: number, side: 0 | 1, socket: number): number
  channelAttach(channel: number): number
  channelFlags(channel: number): ArrayBuffer | null
  channelSpare(channel: number, memory: number, outOffset: number, inOffset: number, bytes: number): number
  channelOutboundSpare(channel: number): ArrayBuffer | null
  channelInboundSpare(channel: number): ArrayBuffer | null
  channelRing(channel: number): number
  channelHear(channel: number): number
  channelWait(channel: number, timeoutMs: number): number
  channelWatch(channel: number, onWoken: () => void): number
  channelInterrupt(channel: number): number
  channelClose(channel: number): number
  channelPeers(): number
  channelPeer(channel: number, peers: number, watched: 0 | 1): number
  channelPeerGone(peers: number): number
  watchStart(descriptor: number, onReadable: () => void): number
  watchReference(watch: number, reference: 0 | 1): number
  watchWritable(watch: number, writable: 0 | 1): number
  watchStop(watch: number): number
  tcpListen(host: string, addressOut: Uint8Array): number
  tcpConnect(host: string, port: string): number
  socketError(descriptor: number): number
  tcpOpen(socket: number, outboundBytes: number, inboundBytes: number, depth: number, spareBytes: number): number
  tcpAttach(connection: number): number
  tcpOutbound(connection: number): ArrayBuffer | null
  tcpInbound(connection: number): ArrayBuffer | null
  tcpBatch(connection: number): ArrayBuffer | null
  tcpOutboundSpare(connection: number): ArrayBuffer | null
  tcpInboundSpare(connection: number): ArrayBuffer | null
  tcpClose(connection: number): number
  tcpWrite(connection: number, offset: number, byteLength: number, immediate: number): number
  tcpFlush(connection: number): number
  tcpFinish(connection: number, immediate: number): number
  tcpFinished(connection: number): number
  tcpPoll(connection: number, isArmed: number): number
  tcpWait(connection: number, timeoutMs: number): number
  tcpArm(connection: number): number
  tcpWatch(connection: number, onReadable: () => void): number
  tcpInterrupt(connection: number): number
  tcpTakeInterrupt(connection: number): number
  tcpEnded(connection: number): number
  libraryOpen(path: string, reasonOut: Uint8Array): number
  libraryFunction(library: number, name: string): number
  libraryCall(libraryFunction: number, input: Uint8Array, output: Uint8Array): number
  processorYield(): number
  dieWithParent(signal: number, parent: number): number
  processExit(code: number): never
}

/** The `verbs` addon: what native/verbs.c registers, in its order. Numbers below 0 are `-fi_errno`. */
export interface VerbsNative {
  ofiVersion(): number
  ofiReason(error: number, textOut: Uint8Array): number
  ofiProbe(): number
  ofiListen(host: string, addressOut: Uint8Array): number
  ofiListenerDescriptor(listener: number): number
  ofiListenerRequest(listener: number, greetingOut: Uint8Array): number
  ofiListenerClose(listener: number): number
  ofiReject(listener: number): number
  ofiAccept(listener: number, outboundBytes: number, inboundBytes: number, depth: number): number
  ofiConnect(
    host: string,
    port: string,
    greeting: Uint8Array,
    outboundBytes: number,
    inboundBytes: number,
    depth: number,
  ): number
  ofiEstablish(connection: number): number
  ofiAttach(connection: number): number
  ofiDescriptor(connection: number): number
  ofiOutbound(connection: number): ArrayBuffer | null
  ofiInbound(connection: number): ArrayBuffer | null
  ofiBatch(connection: number): ArrayBuffer | null
  ofiClose(connection: number): number
  ofiWrite(connection: number, offset: number, byteLength: number, immediate: number): number
  ofiFinish(connection: number, immediate: number): number
  ofiFinished(connection: number): number
  ofiPoll(connection: number): number
  ofiWait(connection: number, timeoutMs: number): number
  ofiArm(connection: number): number
  ofiDisarm(connection: number): number
  ofiInterrupt(connection: number): number
  ofiTakeInterrupt(connection: number): number
  ofiPeer(connection: number): number
}

const require = createRequire(import.meta.url)
const loaded = new Map<AddonName, unknown>()

function load(name: AddonName): unknown {
  let addon = loaded.get(name)
  if (addon === undefined) {
    const path = addonPath(name)
    if (path === null) throw new FabricError('unsupported', `Cannot load ${name}: ${addonMissing(name)}`)
    try {
      addon = require(path)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new FabricError('unsupported', `Cannot load ${name}: ${reason}${adviceOn(error, reason)}`, { cause: error })
    }
    loaded.set(name, addon)
  }
  return addon
}

function adviceOn(error: unknown, reason: string): string {
  if (reason.startsWith('libfabric.so.1')) return '; RDMA needs libfabric (Debian: apt-get install libfabric1)'
  const isDisabled = (error as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED'
  return isDisabled ? ' Run node with --allow-addons, or without --no-addons.' : ''
}

/** @throws {FabricError} `unsupported` when there is no addon for this machine or it does not load */
export function hostNative(): HostNative {
  return load('rfaas_host') as HostNative
}

/** @throws {FabricError} `unsupported` when there is no addon for this machine or libfabric is not installed */
export function verbsNative(): VerbsNative {
  // Debian's libfabric loads the PSM libraries. Without these variables they install handlers for SIGINT, SIGTERM and
  // the signals of a crash when they are loaded, and end the process with exit code 1. Set in the first thread, the
  // variables hold for all threads.
  for (const name of ['IPATH_NO_BACKTRACE', 'HFI_NO_BACKTRACE']) process.env[name] ??= '1'
  // The verbs provider would keep registrations in a cache: the memory of a closed window would stay locked, and every
  // window, even the one that we send from, would become writable for the peer. We register each window once, so a
  // cache gains nothing.
  process.env['FI_MR_CACHE_MONITOR'] ??= 'disabled'
  return load('rfaas_verbs') as VerbsNative
}

/** libfabric's own error numbers start here, above all those of the operating system. */
const FABRIC_ERRNO_MIN = 256
const REASON_BYTES = 128

/**
 * Describes a code that a native function returned, in the operating system's words, or in libfabric's for its own
 * codes.
 */
export function systemReason(code: number): string {
  const error = Math.abs(code)
  const known = getSystemErrorMap().get(-error)
  if (known !== undefined) return `${known[1]} (${known[0]})`
  // Only libfabric returns such a code, so its addon is loaded.
  const libfabric = loaded.get('rfaas_verbs') as VerbsNative | undefined
  if (error < FABRIC_ERRNO_MIN || libfabric === undefined) return `error ${error}`
  const text = new Uint8Array(REASON_BYTES)
  libfabric.ofiReason(error, text)
  return `${new TextDecoder().decode(text.subarray(0, text.indexOf(0))).toLowerCase()} (libfabric error ${error})`
}

/** ENOMEM, ENFILE, EMFILE, ENOBUFS. */
const SHORTAGES: readonly number[] = [-12, -23, -24, -105]

/**
 * Whether a code says that this machine or process is short of memory or descriptors for now: a later try may succeed.
 */
export function isShortage(code: number): boolean {
  return SHORTAGES.includes(code)
}

/** Throws for a negative result of native code, which itself only reports; returns any other result unchanged. */
export function checked(result: number, action: string, code: FabricErrorCode = 'system'): number {
  if (result < 0) throw new FabricError(code, `${action}: ${systemReason(result)}`)
  return result
}
