import { hostNative, type HostNative } from '../native.ts'
import type { RemoteCalls } from '../remote/calls.ts'

let calls: RemoteCalls | null = null

/** What a {@link RemoteConnection} calls over TCP. @throws {FabricError} `unsupported` */
export function tcpCalls(): RemoteCalls {
  calls ??= bind(hostNative())
  return calls
}

const bind = (native: HostNative): RemoteCalls => ({
  attach: native.tcpAttach,
  outbound: native.tcpOutbound,
  inbound: native.tcpInbound,
  batch: native.tcpBatch,
  outboundSpare: native.tcpOutboundSpare,
  inboundSpare: native.tcpInboundSpare,
  close: native.tcpClose,
  write: native.tcpWrite,
  flush: native.tcpFlush,
  finish: native.tcpFinish,
  finished: native.tcpFinished,
  poll: native.tcpPoll,
  wait: native.tcpWait,
  arm: native.tcpArm,
  quiet: () => {},
  watch: native.tcpWatch,
  takeInterrupt: native.tcpTakeInterrupt,
})
