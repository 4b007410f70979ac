/** The part of the package that we use; declared here because the package may not be installed. */
export interface PiscinaModule {
  Piscina: new (options: {
    filename: string
    minThreads: number
    maxThreads: number
    concurrentTasksPerWorker: number
    atomics: 'sync' | 'async' | 'disabled'
    recordTiming: boolean
  }) => {
    run(task: unknown, options?: { transferList: ArrayBuffer[] }): Promise<unknown>
    destroy(): Promise<void>
  }
  move(value: Uint8Array): unknown
}
