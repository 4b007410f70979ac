export const MANAGER_PORT = 7070
/** Whoever connects here has nothing more to ask. */
export const GOODBYE_PORT = 7071
