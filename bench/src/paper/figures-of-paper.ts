/**
 * What the paper reports, as far as this project has it in writing: Copik, Taranov, Calotoiu, Hoefler, “rFaaS: Enabling
 * High Performance Serverless with RDMA and Leases”, IPDPS 2023, arXiv:2106.13859. The text of the paper was not at hand
 * when this was written: a number that is not here was not looked up, and none was read off a plot.
 */
export const PAPER = {
  /** Round trip of an invocation with 1 kB to a worker that polls, µs. Source: this project's notes on the paper. */
  hotUs: 5.3,
  /** The same to a worker that sleeps, µs. Source: as above. */
  warmUs: 9.3,
  /** What a hot invocation adds to the raw network, at most, ns. Source: README of github.com/spcl/rFaaS. */
  overheadNs: 350,
  /** With payloads of 5 MB. Source: this project's notes on the paper. */
  gigabytesPerSecond: 12,
  /** The network, and cores of a node. Source: this project's notes on the paper. */
  network: '100 Gb/s RoCE',
  cores: 36,
} as const
