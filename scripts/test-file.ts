/**
 * The test file that was run, for a runner's event. The event's `file` is where the test was written, which may be
 * another file. The runner's types do not know `entryFile` yet.
 *
 * @returns absolute; empty for an event of no file
 */
export function testFileOf(event: { file?: string | undefined; entryFile?: string }): string {
  return event.entryFile ?? event.file ?? ''
}
