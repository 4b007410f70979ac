#!/usr/bin/env node
// Compiles the addons of @rfaas/fabric, where none of its prebuilt ones fits. Nothing is compiled on `npm install`.
import { build, hasAddon, isBuilt } from './native-build.mjs'

const usage = `Usage: rfaas-build-native [--force]

Compiles the addons of @rfaas/fabric for this machine: rfaas_host (shared memory, TCP) and, where libfabric's headers
are installed, rfaas_verbs (RDMA). Needs a C compiler (CC, else cc) and the headers of Node.js. Does nothing when they
are built already, unless --force is given. On linux x64 and arm64 npm has installed addons that are built already.`

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(usage)
} else if (args.some((arg) => arg !== '--force')) {
  console.error(usage)
  process.exitCode = 2
} else if (isBuilt() && !args.includes('--force')) {
  console.log('The addons of @rfaas/fabric are built already.')
} else {
  const { ok, output, reason } = await build()
  process.stderr.write(output)
  if (!ok) {
    console.error(`rfaas-build-native: ${reason}.`)
    process.exitCode = 1
  } else if (hasAddon('rfaas_verbs')) {
    console.log('Built both addons of @rfaas/fabric.')
  } else {
    console.log(
      "Built rfaas_host. Left rfaas_verbs out because libfabric's headers are not installed (Debian: apt-get install libfabric-dev): without it there is no RDMA here.",
    )
  }
}
