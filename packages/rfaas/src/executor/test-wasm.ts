/* A small assembler, and two WebAssembly modules made by hand with it, so that the tests need no compiler. */

const [I32, I64, F64] = [0x7f, 0x7e, 0x7c]

interface Func {
  readonly name: string
  readonly parameters: number[]
  readonly results: number[]
  /** Types of the local variables. */
  readonly locals?: number[]
  readonly code: number[]
}

interface Wasm {
  readonly imports?: { readonly module: string; readonly name: string; readonly parameters: number[] }[]
  readonly memory: { readonly minPages: number; readonly isImported?: boolean }
  readonly functions: Func[]
}

const text = (value: string): number[] => [value.length, ...Buffer.from(value)]
/** Unsigned LEB128. */
const leb = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...leb(Math.floor(value / 128))]
const list = (items: number[][]): number[] => [...leb(items.length), ...items.flat()]
const section = (id: number, body: number[]): number[] => [id, ...leb(body.length), ...body]
const typeOf = (parameters: number[], results: number[]): number[] => [0x60, ...list(parameters.map((type) => [type])), ...list(results.map((type) => [type]))] // prettier-ignore

export function assemble({ imports = [], memory, functions }: Wasm): Uint8Array {
  const types = [...imports.map(({ parameters }) => typeOf(parameters, [I32])), ...functions.map(({ parameters, results }) => typeOf(parameters, results))] // prettier-ignore
  const imported = imports.map(({ module, name }, index) => [...text(module), ...text(name), 0, index])
  if (memory.isImported) imported.push([...text('env'), ...text('memory'), 2, 0, ...leb(memory.minPages)])
  const exported = functions.map(({ name }, index) => [...text(name), 0, imports.length + index])
  if (!memory.isImported) exported.push([...text('memory'), 2, 0])
  const bodies = functions.map(({ locals = [], code }) => {
    const body = [...list(locals.map((type) => [1, type])), ...code, 0x0b]
    return [...leb(body.length), ...body]
  })
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...(imported.length > 0 ? section(2, list(imported)) : []),
    ...section(3, list(functions.map((_, index) => [imports.length + index]))),
    ...(memory.isImported ? [] : section(5, list([[0, ...leb(memory.minPages)]]))),
    ...section(7, list(exported)),
    ...section(10, list(bodies)),
  ])
}

const get = (local: number): number[] => [0x20, local]
const set = (local: number): number[] => [0x21, local]
const int = (value: number): number[] => [0x41, value]

/** The sum of `inBytes` bytes at `inPtr`, as an i32 at `outPtr`. */
const SUM: Func = {
  name: 'raw_sum',
  parameters: [I32, I32, I32],
  results: [I32],
  locals: [I32],
  code: [
    ...[0x02, 0x40, 0x03, 0x40], // block, loop
    ...[...get(1), 0x45, 0x0d, 1], // leave when no bytes are left
    ...[...get(3), ...get(0), 0x2d, 0, 0, 0x6a, ...set(3)], // total += input[at]
    ...[...get(0), ...int(1), 0x6a, ...set(0)], // at++
    ...[...get(1), ...int(1), 0x6b, ...set(1), 0x0c, 0], // left--, again
    ...[0x0b, 0x0b],
    ...[...get(2), ...get(3), 0x36, 2, 0, ...int(4)], // store, and return 4
  ],
}

/** Functions of numbers and of bytes. */
export const KERNEL: Wasm = {
  memory: { minPages: 1 },
  functions: [
    { name: 'add', parameters: [I32, I32], results: [I32], code: [...get(0), ...get(1), 0x6a] },
    { name: 'half', parameters: [F64], results: [F64], code: [...get(0), 0x44, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0xa2] },
    { name: 'next', parameters: [I64], results: [I64], code: [...get(0), 0x42, 1, 0x7c] },
    { name: 'both', parameters: [I32], results: [I32, I32], code: [...get(0), ...get(0), ...int(1), 0x6a] },
    { name: 'grow', parameters: [I32], results: [I32], code: [...get(0), 0x40, 0] },
    { name: 'trap', parameters: [], results: [], code: [0x00] },
    { name: '__internal', parameters: [], results: [], code: [] },
    SUM,
  ],
}

/** As KERNEL, with a memory that it imports. */
export const IMPORTING: Wasm = { memory: { minPages: 2, isImported: true }, functions: [SUM] }

/** Asks WASI for 4 random bytes. */
export const RANDOM: Wasm = {
  imports: [{ module: 'wasi_snapshot_preview1', name: 'random_get', parameters: [I32, I32] }],
  memory: { minPages: 1 },
  functions: [
    {
      name: 'random',
      parameters: [],
      results: [I32],
      code: [...int(8), ...int(4), 0x10, 0, 0x1a, ...int(8), 0x28, 2, 0],
    },
  ],
}

/** Imports what nobody provides. */
export const DEMANDING: Wasm = {
  imports: [{ module: 'env', name: 'paint', parameters: [I32] }],
  memory: { minPages: 1 },
  functions: [{ name: 'f', parameters: [], results: [], code: [] }],
}
