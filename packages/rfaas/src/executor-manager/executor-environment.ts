import { EXECUTOR_MARK } from './marked-processes.ts'

/** Variables of the node that functions may see. */
const PASSED = /^(PATH|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|NODE_V8_COVERAGE|NODE_COMPILE_CACHE|RFAAS_ADDONS|FI_\w+)$/
/** …and more of the program that has the node in it: its functions are its own. */
const PASSED_BY_PROGRAM = /^(NODE_ENV|HOME|NODE_EXTRA_CA_CERTS|(https?|all|no)_proxy|NODE_USE_ENV_PROXY)$/i

/**
 * The environment of an executor. Tenants' functions run there, so only listed variables of this process are passed on.
 *
 * @param isOwnProgram whether this process is the program whose functions run there
 * @param mark the mark of its process; a thread has none
 */
export function executorEnvironment(
  own: NodeJS.ProcessEnv,
  isOwnProgram: boolean,
  mark: string = '',
): NodeJS.ProcessEnv {
  // A node may itself run in an executor: then both marks apply, so that ending the outer executor also ends this one.
  const marks = [own[EXECUTOR_MARK], mark].filter(Boolean).join()
  const passed = Object.entries(own).filter(
    ([name]) => PASSED.test(name) || (isOwnProgram && PASSED_BY_PROGRAM.test(name)),
  )
  return { ...Object.fromEntries(passed), [EXECUTOR_MARK]: marks }
}
