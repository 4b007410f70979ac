import { extname } from 'node:path'

/** The programs that run in processes and threads of their own, as sources or built. */
const extension = extname(import.meta.url)
export const peerProgram: URL = new URL(`./peer${extension}`, import.meta.url)
export const threadProgram: URL = new URL(`./thread${extension}`, import.meta.url)
export const raceProgram: URL = new URL(`./race-thread${extension}`, import.meta.url)
export const watchProgram: URL = new URL(`./watch-program${extension}`, import.meta.url)
export const viewProgram: URL = new URL(`./view-program${extension}`, import.meta.url)
export const scarceProgram: URL = new URL(`./scarce-program${extension}`, import.meta.url)
