/** The part of the package that we use; declared here because the package may not be installed. */
export interface GrpcModule {
  Client: new (target: string, credentials: object, options: object) => GrpcClient
  Server: new (options: object) => GrpcServer
  credentials: { createInsecure(): object }
  ServerCredentials: { createInsecure(): object }
}

interface GrpcClient {
  makeUnaryRequest(
    path: string,
    serialize: (message: Buffer) => Buffer,
    deserialize: (bytes: Buffer) => Buffer,
    message: Buffer,
    callback: (error: Error | null, reply?: Buffer) => void,
  ): object
  close(): void
}

interface GrpcServer {
  addService(definition: object, implementation: object): void
  bindAsync(address: string, credentials: object, callback: (error: Error | null) => void): void
}

/** Messages stay bytes, because Protocol Buffers would only add to the time. */
export const asBytes = (bytes: Buffer): Buffer => bytes

export const ECHO_PATH = '/bench.Peer/Echo'

/** Options for both sides: no size limits, no diagnostic bookkeeping, and a window that a large message fits into. */
export const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  'grpc-node.flow_control_window': 16 << 20,
}
