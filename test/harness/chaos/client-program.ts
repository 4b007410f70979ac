/** The program of a chaos client: does one job after the other for its parent, and ends when the parent disconnects. */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, dieWithParent, RfaasError, type Cluster } from 'rfaas'

import type { ClientSetting, Job, Message } from './job.ts'
import { runJob } from './run-job.ts'

/** How often the client tries to connect to a manager that is away. */
const CONNECT_EVERY_MS = 50

dieWithParent()
const setting = JSON.parse(process.argv[2]!) as ClientSetting

async function connectAtLast(): Promise<Cluster> {
  for (;;) {
    // The parent has ended during the start.
    if (!process.connected) process.exit()
    try {
      return await connect(setting.managerUrl)
    } catch (error) {
      if (!(error instanceof RfaasError) || error.code !== 'manager_unreachable') throw error
      await delay(CONNECT_EVERY_MS)
    }
  }
}

const tell = (message: Message, then: () => void = () => {}): void => void process.send!(message, then)

await using cluster = await connectAtLast()
process.on('message', (job: Job) => {
  const onLeased = (executorPid: number): void => tell({ kind: 'leased', executorPid })
  void runJob(cluster, setting, job, onLeased).then((outcome) => {
    tell({ kind: 'done', outcome }, () => {
      if (job.leaves) process.exit()
    })
  })
})
tell({ kind: 'ready' })
await once(process, 'disconnect')
