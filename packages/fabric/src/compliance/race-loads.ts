/*
 * Import this before anything else of ours: from then on every load of shared memory in this thread is one of Atomics
 * (local/ordered.ts), as on processors whose plain loads order nothing. Such loads can be stepped through.
 */
Object.defineProperty(process, 'arch', { value: 'none that is known' })
