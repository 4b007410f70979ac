/** What an example has found, in the forms in which it can be had. */
export interface Outcome {
  /** What `--json` prints. */
  readonly found: object
  /** For a person; ends with a newline. */
  readonly text: string
  /** Draws the figure, as SVG. The plotting library is loaded only then. */
  draw(): Promise<string>
}
