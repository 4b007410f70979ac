/** Whether threads of other processes sleep. */
export { standsStill, thisThread, threadsOf } from '../../packages/fabric/src/compliance/standstill.ts'
