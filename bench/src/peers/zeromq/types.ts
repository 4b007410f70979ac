/** What we use of the package, which may not be there. */
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

/** No limit to what is queued, which the number of calls limits already; nothing lingers after closing. */
export const SOCKET_OPTIONS = { sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 0 }
