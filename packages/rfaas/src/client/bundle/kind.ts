import { KIND_EXPORT, type FunctionKind } from '../../kinds.ts'

/**
 * The code of a bundle that says of which kind its functions are. So the kind travels, is kept and is hashed with the code.
 */
export function withKind(code: Uint8Array, kind: FunctionKind): Uint8Array {
  if (kind === 'functions') return code
  // Behind the code, so that every line stays where the source map has it.
  const mark = `\nconst rfaas$kind = ${JSON.stringify(kind)}; export { rfaas$kind as '${KIND_EXPORT}' }\n`
  return Buffer.concat([code, Buffer.from(mark)])
}
