/** An address and a port as URLs write them; IPv6 in brackets. */
export function hostAndPort(hostname: string, port: number): string {
  const host = /^[^[].*:/.test(hostname) ? `[${hostname}]` : hostname;
  return `${host}:${port}`;
}

/** An address that means "all" cannot be connected to; `here` stands for this machine. */
export function connectableHost(hostname: string, here: string): string {
  return hostname === "0.0.0.0" || hostname === "::" ? here : hostname;
}

/** Where a person would click. */
export function urlOf(hostname: string, port: number): string {
  return `http://${hostAndPort(connectableHost(hostname, "localhost"), port)}/`;
}
