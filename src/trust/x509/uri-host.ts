/** Returns the host of a URI in the BoringSSL of Envoy 1.36, or `undefined` if it finds none. */
export function uriHost136(uri: string): string | undefined {
  // BoringSSL reads up to the first colon, and only without a colon up to the first slash.
  const match = /^[^:]*:\/\/(?:(?<port>[^:]*):|(?<path>[^/]*)(?:\/|$))/.exec(uri);
  const host = match?.groups?.['port'] ?? match?.groups?.['path'] ?? '';
  return host === '' ? undefined : host;
}

/**
 * Returns the host of a URI in the BoringSSL of Envoy 1.40, without a dot at its end. It must be a fully qualified
 * domain name with an optional port (RFC 5280, section 4.2.1.10). Returns `undefined` for any other URI.
 */
export function uriHost140(uri: string): string | undefined {
  const match = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?<host>[^/?#:]*)(?::[0-9]*)?(?=[/?#]|$)/.exec(uri);
  const host = match?.groups?.['host'];
  if (host === undefined) return undefined;
  const relative = host.endsWith('.') ? host.slice(0, -1) : host;
  return isFqdn(relative) ? relative : undefined;
}

const label = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Returns whether BoringSSL in Envoy 1.40 accepts a host as a fully qualified domain name, not as an address. */
export function isFqdn(host: string): boolean {
  const labels = host.split('.');
  const last = labels.at(-1) ?? '';
  // In the URL Standard, a host whose last label is a number (decimal or hexadecimal) is an IPv4 address.
  const isNumber = /^(?:\d+|0[xX][0-9A-Fa-f]*)$/.test(last);
  return labels.every((one) => label.test(one)) && !isNumber;
}
