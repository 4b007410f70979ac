import { delimiter, dirname } from 'node:path'

/** The environment of a user's shell: this Node.js is on the PATH, but nothing that npm and the checkout have added. */
export function shellEnvironment(): Record<string, string> {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'))
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(npm_|NODE_TEST_CONTEXT$)/i.test(name)) environment[name] = value
  }
  return { ...environment, PATH: [dirname(process.execPath), ...path].join(delimiter) }
}
