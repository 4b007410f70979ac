import { EXECUTOR_MARK } from './marked-processes.ts'

/** Variables of the node that functions may see. */
const PASSED = /^(PATH|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|NODE_V8_COVERAGE|NODE_COMPILE_CACHE|RFAAS_ADDONS|FI_\w+)$/

/**
 * The environment of an executor. Tenants' functions run there, so only listed variables of this process are passed on.
 *
 * @param mark the mark of its process; a thread has none
 */
export function executorEnvironment(own: NodeJS.ProcessEnv, mark: string = ''): NodeJS.ProcessEnv {
  // A node may itself run in an executor: then both marks apply, so that ending the outer executor also ends this one.
  const marks = [own[EXECUTOR_MARK], mark].filter(Boolean).join()
  return { ...Object.fromEntries(Object.entries(own).filter(([name]) => PASSED.test(name))), [EXECUTOR_MARK]: marks }
}
