// Regenerates packages/rfaas/src/control/gen from the .proto. Needs Debian's protobuf-compiler; its output is
// committed, so only those who change the .proto run this.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
execFileSync(
  'protoc',
  [
    `--plugin=protoc-gen-es=${root}node_modules/.bin/protoc-gen-es`,
    `--proto_path=${root}packages/rfaas/proto/rfaas/v1`,
    `--es_out=${root}packages/rfaas/src/control/gen`,
    '--es_opt=target=ts,import_extension=ts,erasable_syntax=true',
    'rfaas.proto',
  ],
  { stdio: 'inherit' },
)
