/** One turn of the event loop. A client has one to serve however busy it is: leases are renewed there. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
