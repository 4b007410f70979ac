import type { PeerClient, PeerOptions } from './peer.ts'

export interface Peer {
  /** Its key in JSON and on the command line of its trial. */
  name: string
  label: string
  /** The folder next to this file whose package.json lists what to install; null when nothing is needed. */
  packages: string | null
  /** Whether the client's side starts the server side itself, as threads or processes that inherit its cores. */
  oneProcess: boolean
  /** Imports the peer's packages, which must be installed. */
  open(options: PeerOptions): Promise<PeerClient>
}

/** From fast to slow at 64 B. */
export const PEERS: readonly Peer[] = [
  {
    name: 'rfaas',
    label: 'rfaas, in place',
    packages: null,
    oneProcess: true,
    open: async (options) => (await import('./rfaas/client.ts')).openInPlace(options),
  },
  {
    name: 'rfaasAwait',
    label: 'rfaas, awaited',
    packages: null,
    oneProcess: true,
    open: async (options) => (await import('./rfaas/client.ts')).openAwaited(options),
  },
  {
    name: 'rfaasTcp',
    label: 'rfaas, in place, tcp',
    packages: null,
    oneProcess: true,
    open: async (options) => (await import('./rfaas/client.ts')).openInPlace(options, 'tcp'),
  },
  {
    name: 'workerThreads',
    label: 'worker_threads, postMessage',
    packages: null,
    oneProcess: true,
    open: async (options) => (await import('./worker-threads/client.ts')).open(options),
  },
  {
    name: 'piscina',
    label: 'piscina, one thread',
    packages: 'piscina',
    oneProcess: true,
    open: async (options) => (await import('./piscina/client.ts')).open(options),
  },
  {
    name: 'net',
    label: 'node:net, Unix socket',
    packages: null,
    oneProcess: false,
    open: async (options) => (await import('./net/client.ts')).openUnix(options),
  },
  {
    name: 'netTcp',
    label: 'node:net, TCP',
    packages: null,
    oneProcess: false,
    open: async (options) => (await import('./net/client.ts')).openTcp(options),
  },
  {
    name: 'zeromq',
    label: 'ZeroMQ',
    packages: 'zeromq',
    oneProcess: false,
    open: async (options) => (await import('./zeromq/client.ts')).open(options),
  },
  {
    name: 'http',
    label: 'node:http + undici',
    packages: 'http',
    oneProcess: false,
    open: async (options) => (await import('./http/client.ts')).open(options),
  },
  {
    name: 'workerd',
    label: 'workerd + undici',
    packages: 'workerd',
    oneProcess: false,
    open: async (options) => (await import('./workerd/client.ts')).open(options),
  },
  {
    name: 'functionsFramework',
    label: 'functions-framework + undici',
    packages: 'functions-framework',
    oneProcess: false,
    open: async (options) => (await import('./functions-framework/client.ts')).open(options),
  },
  {
    name: 'grpc',
    label: '@grpc/grpc-js, unary',
    packages: 'grpc',
    oneProcess: false,
    open: async (options) => (await import('./grpc/client.ts')).open(options),
  },
]
