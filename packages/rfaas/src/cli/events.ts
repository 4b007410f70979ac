import type { Logger } from 'pino'
import { nodeEvents } from '../executor-manager/events.ts'
import type { NodeEvent } from '../executor-manager/events.ts'
import { onManagerEvent } from '../resource-manager/events.ts'
import { sentenceOf } from './exit.ts'

/** Writes what the resource manager of this process does into the log. */
export function logManagerEvents(log: Logger): void {
  onManagerEvent((event) => {
    switch (event.kind) {
      case 'node-registered': {
        const { nodeId, cores, memoryMib, controlUrl } = event.node
        log.info({ nodeId, cores, memoryMib, url: controlUrl }, 'node registered')
        return
      }
      case 'node-left':
        log.info({ nodeId: event.nodeId }, 'node left')
        return
      case 'node-lost':
        log.warn({ nodeId: event.nodeId }, 'node lost: no heartbeat')
        return
      case 'lease-granted': {
        const { leaseId, nodeId, tenant, cores, memoryMib } = event.lease
        log.info({ leaseId, nodeId, tenant, cores, memoryMib }, 'lease granted')
        return
      }
      case 'lease-retrieved': {
        const { leaseId, nodeId, endMessage } = event.lease
        log.info({ leaseId, nodeId }, `lease retrieved: ${endMessage}`)
        return
      }
      case 'node-draining': {
        const { nodeId, drainReason } = event.node
        log.info({ nodeId }, drainReason === null ? 'node takes new leases again' : `node drains: ${drainReason}`)
        return
      }
      case 'lease-closed': {
        const { leaseId, nodeId, end, usage } = event.lease
        log.info({ leaseId, nodeId, end, invocations: usage.invocations }, 'lease closed')
        return
      }
      case 'functions-deployed': {
        const { name, version, sha256, bytes } = event.functions
        log.info({ functions: `${name}@${version}`, sha256, bytes }, 'functions deployed')
        return
      }
      case 'functions-undeployed': {
        const names = event.functions.map(({ name, version }) => `${name}@${version}`)
        log.info({ functions: names.join(', ') }, 'functions undeployed')
        return
      }
      case 'failure':
        log.error(sentenceOf(event.error))
    }
  })
}

/** Writes what the node of this process does into the log. */
export function logNodeEvents(log: Logger): void {
  nodeEvents.subscribe((message) => {
    const event = message as NodeEvent
    switch (event.kind) {
      case 'registered':
        log.info({ nodeId: event.nodeId }, 'registered')
        return
      case 'manager-away':
        log.warn({ nodeId: event.nodeId }, `leases go on, but the resource manager is away: ${sentenceOf(event.error)}`)
        return
      case 'manager-back':
        log.info({ nodeId: event.nodeId }, 'the resource manager is back')
        return
      case 'replaced':
        log.error({ nodeId: event.nodeId }, `all leases are over: ${sentenceOf(event.error)}`)
        return
      case 'lease-active':
        log.info(
          { leaseId: event.leaseId, startMs: Math.round(event.startMs) },
          sentenceOfStart(event.start, event.coldReason),
        )
        return
      case 'worker-ended': {
        const { leaseId, worker, code, reason } = event
        log.warn({ leaseId, worker, code }, `a worker ended: ${reason}`)
        return
      }
      case 'worker-restarted':
        log.info({ leaseId: event.leaseId, worker: event.worker }, 'a worker was restarted')
        return
      case 'output':
        log.info({ leaseId: event.leaseId, line: event.line }, 'output of functions')
        return
      case 'pool-changed':
        log.debug({ ready: event.ready, size: event.size, memoryMib: event.memoryMib }, 'pool changed')
        return
      case 'kept-changed':
        log.debug({ kept: event.kept, memoryMib: event.keptMemoryMib }, 'kept executors changed')
        return
      case 'pool-failure':
        log.warn(`no executor for the pool: ${sentenceOf(event.error)}`)
        return
      case 'lease-closed': {
        const { leaseId, usage } = event
        const { reason, message } = event.end
        log.info({ leaseId, end: reason, invocations: usage.invocations }, `lease ended: ${message}`)
      }
    }
  })
}

function sentenceOfStart(start: 'kept' | 'pooled' | 'cold', coldReason: string | null): string {
  switch (start) {
    case 'kept':
      return 'executor kept from an earlier lease'
    case 'pooled':
      return 'executor taken from the pool'
    case 'cold':
      return `executor started: ${coldReason}`
  }
}
