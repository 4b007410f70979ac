#!/usr/bin/env node
// Compiles the addons of @rfaas/fabric, once after `npm install`, which on purpose compiles nothing.
import { build, isBuilt } from './native-build.mjs'

const usage = `Usage: rfaas-build-native [--force]

Compiles the addons of @rfaas/fabric for this machine: rfaas_host (shared memory, TCP) and, where libfabric's headers
are installed, rfaas_verbs (RDMA). Needs a C compiler, make and python3. Does nothing when they are built already,
unless --force is given.`

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(usage)
} else if (args.some((arg) => arg !== '--force')) {
  console.error(usage)
  process.exitCode = 2
} else if (isBuilt('rfaas_host') && isBuilt('rfaas_verbs') && !args.includes('--force')) {
  console.log('Both addons of @rfaas/fabric are built already.')
} else if (!build('inherit').ok) {
  console.error(
    'rfaas-build-native: Cannot build the addons, see above; a C compiler, make and python3 are needed (Debian: apt-get install g++ make python3).',
  )
  process.exitCode = 1
} else if (isBuilt('rfaas_verbs')) {
  console.log('Built both addons of @rfaas/fabric.')
} else {
  console.log(
    'Built rfaas_host. Left rfaas_verbs out because libfabric is not installed (Debian: apt-get install libfabric-dev): without it there is no RDMA here.',
  )
}
