/** One turn of the event loop. A busy client needs turns, too, because leases are renewed there. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
