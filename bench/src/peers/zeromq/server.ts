// server NAME: echoes messages on a Unix-domain socket of that name.
import { writeSync } from 'node:fs'
import { SOCKET_OPTIONS } from './types.ts'
import type { ZeroMqModule } from './types.ts'

const { Router } = (await import('zeromq' as string)) as ZeroMqModule

const router = new Router(SOCKET_OPTIONS)
await router.bind(`ipc://@${process.argv[2]}`)
writeSync(3, 'listens\n')
for await (const message of router) await router.send(message)
