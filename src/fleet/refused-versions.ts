/** Refused names kept of a proxy; there are two or three. */
const mostRefused = 100;
/** Versions kept of each: one that is refused and, where it is sent back to what it had, that too. */
const mostVersionsRefused = 4;

interface Refusing {
  readonly refused: Map<string, readonly string[]>;
}

/** Remembers that a proxy refused a version of a secret. */
export function noteRefused({ refused }: Refusing, name: string, version: string): void {
  const versions = refused.get(name)?.filter((other) => other !== version) ?? [];
  refused.delete(name);
  refused.set(name, [...versions, version].slice(-mostVersionsRefused));
  if (refused.size > mostRefused) refused.delete(refused.keys().next().value ?? '');
}

/** The proxy has accepted it. */
export function forgetRefused({ refused }: Refusing, name: string, version: string): void {
  const versions = refused.get(name)?.filter((other) => other !== version) ?? [];
  if (versions.length === 0) refused.delete(name);
  else refused.set(name, versions);
}
