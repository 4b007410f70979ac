import { isErrorLike, readSafely } from './thrown.ts'

/** What the user can do about an error of the system, by its code. */
const BY_CODE: Partial<Record<string, string>> = {
  EMFILE: '; this process has no file descriptor left: close some files or connections, or raise the limit (ulimit -n)',
  ENFILE: '; this machine has no file descriptor left',
  EAGAIN: '; this user or machine may have no more processes (ulimit -u)',
}
/** Some errors of Node.js have the number of the system's error, and not its name. */
const CODES: Partial<Record<number, string>> = { 24: 'EMFILE', 23: 'ENFILE' }

/** The end of a sentence about an error: what the user can do when something has run out; else empty. */
export function shortageAdvice(error: unknown): string {
  if (!isErrorLike(error)) return ''
  const code = readSafely(error, 'code')
  const errno = readSafely(error, 'errno')
  const name = code === 'ERR_SYSTEM_ERROR' && typeof errno === 'number' ? CODES[Math.abs(errno)] : code
  return typeof name === 'string' ? (BY_CODE[name] ?? '') : ''
}
