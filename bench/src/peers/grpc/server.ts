// server NAME: a unary method that answers with its own request, on a Unix-domain socket of that name.
import { writeSync } from 'node:fs'
import { CHANNEL_OPTIONS, ECHO_PATH, asBytes } from './types.ts'
import type { GrpcModule } from './types.ts'

const { Server, ServerCredentials } = (await import('@grpc/grpc-js' as string)) as GrpcModule

type Answer = (error: null, reply: Buffer) => void

const server = new Server(CHANNEL_OPTIONS)
const echo = {
  path: ECHO_PATH,
  requestStream: false,
  responseStream: false,
  requestSerialize: asBytes,
  requestDeserialize: asBytes,
  responseSerialize: asBytes,
  responseDeserialize: asBytes,
}
server.addService({ echo }, { echo: ({ request }: { request: Buffer }, answer: Answer) => answer(null, request) })
server.bindAsync(`unix:\0${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error
  writeSync(3, 'listens\n')
})
