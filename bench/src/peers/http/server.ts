// server NAME: answers every request with its own body, on a Unix-domain socket of that name.
import { writeSync } from 'node:fs'
import { createServer } from 'node:http'

const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
  let body: Buffer
  let bytes = 0
  const bodyBytes = Number(request.headers['content-length'])
  request.on('data', (chunk: Buffer) => {
    // Usually a body arrives in one piece, which needs no buffer of its own.
    if (chunk.length === bodyBytes) body = chunk
    else chunk.copy((body ??= Buffer.allocUnsafe(bodyBytes)), bytes)
    bytes += chunk.length
  })
  request.on('end', () => {
    response.sendDate = false
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes })
    response.end(body)
  })
})
server.listen(`\0${process.argv[2]}`, () => writeSync(3, 'listens\n'))
