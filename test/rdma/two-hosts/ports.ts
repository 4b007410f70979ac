export const MANAGER_PORT = 7070
/** The client connects to this port when it is done. */
export const GOODBYE_PORT = 7071
