/** The part of piscina that the examples use; declared here, because the package may not be installed. */
export interface PiscinaModule {
  readonly Piscina: new (options: {
    filename: string
    minThreads: number
    maxThreads: number
    /** Tasks under way on each thread. Default 1. */
    concurrentTasksPerWorker?: number
  }) => {
    run(task: unknown, options?: { name: string }): Promise<unknown>
    /** Resolves when all tasks are done and the threads have ended. */
    close(): Promise<void>
    /** Ends the threads at once. */
    destroy(): Promise<void>
  }
}
