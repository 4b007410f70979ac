import { PAPER } from '../paper/figures-of-paper.ts'
import type { FabricCosts } from './costs.ts'
import type { MeasuredFabrics } from './fit.ts'

/** Line rate of 100 Gb/s. */
const ETHERNET_100G_BYTES_PER_SECOND = 100e9 / 8

/**
 * TCP between machines: measured over loopback, with a link. Loopback costs both kernels' time on one machine, so a
 * network card can only take some of it away; what a switch adds to the latency is left out.
 */
export function tcp100(measured: MeasuredFabrics): FabricCosts {
  return { ...measured.tcp, name: 'tcp, 100 Gb/s', bytesPerSecond: ETHERNET_100G_BYTES_PER_SECOND }
}

/**
 * RDMA between machines. Its latencies and its bandwidth are the paper's. The time of both sides is ours over shared
 * memory, because with RDMA, too, a message is written and polled for without the kernel. Nobody has measured that on a
 * card.
 */
export function rdma(measured: MeasuredFabrics): FabricCosts {
  return {
    ...measured.local,
    name: 'RDMA, 100 Gb/s',
    latencyNs: PAPER.hotUs * 1000,
    wakeNs: (PAPER.warmUs - PAPER.hotUs) * 1000,
    bytesPerSecond: PAPER.gigabytesPerSecond * 1e9,
  }
}
