/**
 * The test file that was run, for a runner's event; `file` is where the test was written, which may be another one. The
 * runner's types do not know it yet.
 *
 * @returns absolute; empty for what is no file's
 */
export function testFileOf(event: { file?: string | undefined; entryFile?: string }): string {
  return event.entryFile ?? event.file ?? ''
}
