import type { DescField, DescMessage, MessageInitShape } from '@bufbuild/protobuf'
import { ScalarType } from '@bufbuild/protobuf'

import type { Random } from '../chaos/random.ts'

const NUMBERS = [0, 1, 2, 3, 1000, 2 ** 31 - 1, 2 ** 32 - 1]
const DOUBLES = [...NUMBERS, NaN, Infinity, -Infinity, -1, -1e300, 1e300, 0.5, Date.now(), Date.now() + 60_000]
const TEXTS = [
  '',
  'x',
  'a b',
  '__proto__',
  'constructor',
  'http://x',
  'http://127.0.0.1:1',
  'é\u0000',
  '127.0.0.1:1',
  '[::1]:0',
]

/** A message that can be encoded but makes no sense: any field may have any value of its type. */
export function anyMessage<D extends DescMessage>(desc: D, random: Random): MessageInitShape<D> {
  const message: Record<string, unknown> = {}
  for (const field of desc.fields) if (random.chance(0.8)) message[field.localName] = anyField(field, random)
  return message as MessageInitShape<D>
}

function anyField(field: DescField, random: Random): unknown {
  switch (field.fieldKind) {
    case 'scalar':
      return anyScalar(field.scalar, random)
    case 'enum':
      return random.chance(0.8) ? random.pick(field.enum.values).number : 99
    case 'message':
      return anyMessage(field.message, random)
    case 'list':
      return Array.from({ length: random.whole(0, 3) }, () => {
        if (field.listKind === 'message') return anyMessage(field.message, random)
        return field.listKind === 'enum' ? random.pick(field.enum.values).number : anyScalar(field.scalar, random)
      })
    case 'map':
      return field.mapKind === 'scalar' ? { [random.pick(['a', 'gpu'])]: anyScalar(field.scalar, random) } : {}
  }
}

function anyScalar(type: ScalarType, random: Random): unknown {
  switch (type) {
    case ScalarType.STRING:
      return random.pick(TEXTS)
    case ScalarType.BYTES:
      return random.bytes(random.pick([0, 1, 32, 100]))
    case ScalarType.BOOL:
      return random.chance(0.5)
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return random.pick(DOUBLES)
    default:
      return random.pick(NUMBERS)
  }
}
