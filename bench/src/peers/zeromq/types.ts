/** The part of the package that we use; declared here because the package may not be installed. */
export interface ZeroMqModule {
  Dealer: new (options: SocketOptions) => ZeroMqSocket & { connect(address: string): void }
  Router: new (options: SocketOptions) => ZeroMqSocket & { bind(address: string): Promise<void> }
}

interface SocketOptions {
  sendHighWaterMark: number
  receiveHighWaterMark: number
  linger: number
}

interface ZeroMqSocket extends AsyncIterable<Buffer[]> {
  send(message: Uint8Array | readonly Uint8Array[]): Promise<void>
  receive(): Promise<Buffer[]>
  close(): void
}

/** No limit on queued messages, because the number of calls limits them already; nothing lingers after closing. */
export const SOCKET_OPTIONS = { sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 0 }
