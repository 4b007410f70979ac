/** What we use of the package, which may not be there. */
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
