/**
 * Where the running call of `f` was made, such as `/home/me/first.mts:7:25`; empty where the stack does not say it.
 *
 * @param f the function that the program has called, directly
 */
export function callerOf(f: (...args: never[]) => unknown): string {
  const at: { stack?: unknown } = {}
  Error.captureStackTrace(at, f)
  const frame = typeof at.stack === 'string' ? /^\s+at .*$/m.exec(at.stack)?.[0] : undefined
  const place = /(?:\(|at (?:async )?)([^(]+:\d+:\d+)\)?$/.exec(frame ?? '')?.[1] ?? ''
  return place.startsWith('file:') ? decodeURI(place.slice('file://'.length)) : place
}
