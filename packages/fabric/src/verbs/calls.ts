import { verbsNative, hostNative, type VerbsNative, type HostNative } from '../native.ts'
import type { RemoteCalls } from '../remote/calls.ts'

let calls: RemoteCalls | null = null

/** What a {@link RemoteConnection} calls over libfabric. @throws {FabricError} `unsupported` */
export function verbsCalls(): RemoteCalls {
  calls ??= bind(verbsNative(), hostNative())
  return calls
}

const bind = (native: VerbsNative, loop: HostNative): RemoteCalls => ({
  attach: native.ofiAttach,
  outbound: native.ofiOutbound,
  inbound: native.ofiInbound,
  batch: native.ofiBatch,
  // A network card writes only to memory that is locked when the connection opens: there is no spare room.
  outboundSpare: () => null,
  inboundSpare: () => null,
  close: native.ofiClose,
  write: native.ofiWrite,
  flush: () => 0,
  finish: native.ofiFinish,
  finished: native.ofiFinished,
  poll: native.ofiPoll,
  wait: native.ofiWait,
  arm: native.ofiArm,
  quiet: native.ofiDisarm,
  watch: (connection, onReadable) => loop.watchStart(native.ofiDescriptor(connection), onReadable),
  takeInterrupt: native.ofiTakeInterrupt,
})
