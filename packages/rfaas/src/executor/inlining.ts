import { setFlagsFromString } from 'node:v8'

/** Bytes of bytecode that V8 inlines into one function by default, in the version that Node.js 24 has. */
export const INLINED_BYTES_V8 = 920
/**
 * What an executor sets instead. The path from the poll through the user's function to the answer has more code than V8
 * inlines by default. In one function it takes a sixth less time.
 */
const INLINED_BYTES = 3000

let starting = 0

/**
 * Call this before a thread is started, and {@link threadStarted} when its own code runs. Node.js brings its modules
 * compiled; V8 takes them only under the flags that they were compiled with. Under others a thread compiles all of them
 * again, and needs 0.1 s more to start. So the flag that we want is set while no thread starts.
 */
export function threadStarts(): void {
  if (starting++ === 0) setInlinedBytes(INLINED_BYTES_V8)
}

/** Call this once for each {@link threadStarts}, also when the thread could not start. */
export function threadStarted(): void {
  if (--starting === 0) setInlinedBytes(INLINED_BYTES)
}

function setInlinedBytes(bytes: number): void {
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${bytes}`)
}
