/** The most rejected names that are kept for a proxy; usually there are two or three. */
const mostRefused = 100;
/** The most versions kept for a name: a rejected version and, if the proxy rejects it too, the previous one. */
const mostVersionsRefused = 4;

interface Refusing {
  refused: Map<string, readonly string[]>;
}

/** The versions of all proxies that have rejected none. It stays empty: an own map takes 200 bytes. */
export const noRefused = new Map<string, readonly string[]>();

/** Records that a proxy rejected a version of a secret. */
export function noteRefused(proxy: Refusing, name: string, version: string): void {
  if (proxy.refused === noRefused) proxy.refused = new Map();
  const { refused } = proxy;
  const versions = refused.get(name)?.filter((other) => other !== version) ?? [];
  refused.delete(name);
  refused.set(name, [...versions, version].slice(-mostVersionsRefused));
  if (refused.size > mostRefused) refused.delete(refused.keys().next().value ?? '');
}

/** Records that a proxy accepted a version that it may have rejected before. */
export function forgetRefused({ refused }: Refusing, name: string, version: string): void {
  const versions = refused.get(name)?.filter((other) => other !== version) ?? [];
  if (versions.length === 0) refused.delete(name);
  else refused.set(name, versions);
}
