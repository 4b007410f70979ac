import { testCompliance } from '../compliance.ts'
import { checked, hostNative } from '../native.ts'
import { HELLO_BYTES } from '../sockets/handshake.ts'
import { LocalFabric } from './local.ts'

const native = hostNative()

testCompliance({
  fabric: new LocalFabric(),
  separate: true,
  countsDepth: true,

  async silentListener() {
    const address = `rfaas-test-silent-${process.pid}`
    const socket = checked(native.socketListen(address), 'Cannot listen')
    return { address, close: () => void native.descriptorClose(socket) }
  },

  async sayGarbage(address) {
    const memory = checked(native.memoryCreate(1), 'Cannot create memory')
    const garbage = [
      { bytes: new Uint8Array(0) },
      { bytes: new Uint8Array(1) },
      { bytes: new Uint8Array(HELLO_BYTES).fill(0xff) },
      { bytes: new Uint8Array(100_000) },
      // Descriptors that nobody asked for must be closed.
      { bytes: new Uint8Array(HELLO_BYTES), descriptors: Int32Array.of(memory, memory, memory, memory) },
      null,
    ]
    for (const said of garbage) {
      const socket = checked(native.socketConnect(address), 'Cannot connect')
      if (said) native.socketSend(socket, said.bytes, said.descriptors ?? null)
      native.descriptorClose(socket)
    }
    native.descriptorClose(memory)
  },
})
