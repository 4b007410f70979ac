import { reasonOf } from '../thrown.ts'

/** Why a service cannot serve now, as the end of a sentence, such as `the node has not registered yet`; null: it can. */
export type NotReady = () => string | null | Promise<string | null>

export interface HealthAnswer {
  /** 200, or 503 when the service is not ready. */
  readonly status: 200 | 503
  /** One line of text. */
  readonly body: string
}

/**
 * Answers the health checks of systemd, Kubernetes, Compose and load balancers: `/healthz`, whether the process answers at
 * all, and `/readyz`, whether it can serve now. Never throws.
 *
 * @returns null for any other path
 */
export async function answerHealth(path: string, notReady: NotReady): Promise<HealthAnswer | null> {
  const name = path.replace(/\?.*$/, '')
  if (name === '/healthz') return OK
  if (name !== '/readyz') return null
  let reason: string | null
  try {
    reason = await notReady()
  } catch (error) {
    reason = reasonOf(error)
  }
  return reason === null ? OK : { status: 503, body: `not ready: ${reason}\n` }
}

const OK: HealthAnswer = { status: 200, body: 'ok\n' }
