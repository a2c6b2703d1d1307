/** An address and a port as URLs write them; IPv6 in brackets. */
export function hostAndPort(hostname: string, port: number): string {
  const host = /^[^[].*:/.test(hostname) ? `[${hostname}]` : hostname;
  return `${host}:${port}`;
}
