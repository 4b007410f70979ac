/** A host and a port as one address. IPv6 addresses get brackets: `[::1]:7070`. */
export function formatAddress(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The URL of a control server, for example `http://127.0.0.1:7070` or `http://[::1]:7070`. */
export function originOf(host: string, port: number): string {
  return `http://${formatAddress(host, port)}`
}
