// server NAME: a function of the functions framework, served by the framework's own server.
import { writeSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

type Handler = (request: IncomingMessage & { rawBody: Buffer }, response: ServerResponse) => void
const { http } = (await import('@google-cloud/functions-framework' as string)) as {
  http(name: string, handler: Handler): void
}
// The server that the `functions-framework` command runs, but on a socket of our choice.
const { getTestServer } = (await import('@google-cloud/functions-framework/testing' as string)) as {
  getTestServer(name: string): Server
}

http('echo', (request, response) => {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': request.rawBody.length })
  response.end(request.rawBody)
})

const server = getTestServer('echo')
server.keepAliveTimeout = 0
server.setTimeout(0)
server.listen(`\0${process.argv[2]}`, () => writeSync(3, 'listens\n'))
