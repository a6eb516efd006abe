import type { MeshChange, TrustDomainChange } from '../../trust/snapshot/diff.ts';
import { counted } from '../../text/counted.ts';

/** The change of one trust domain. Fingerprints are cut to 16 digits. */
interface TrustDomainLine {
  readonly trustDomain: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly added: number;
  readonly removed: number;
  /** `+` or `-`, then the fingerprint. */
  readonly anchors: readonly string[];
}

export interface ChangeLine {
  readonly message: string;
  readonly trustDomains: readonly TrustDomainLine[];
  /** Trust domains that changed and are not listed above. */
  readonly more: number;
}

/** The most trust domains in a line, and the most anchors of each. */
const namedInLine = { trustDomains: 20, anchors: 8 } as const;

/** Describes a change of a mesh. `before` and `after` are the trust domains served before and now. */
export function describeChange(
  { mesh, version, denyAll, trustDomains }: MeshChange,
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
  proxies: number,
): ChangeLine {
  const lines = trustDomains.map((change) => lineOf(change, before, after));
  const counts = (['added', 'removed', 'changed'] as const)
    .map((kind) => [kind, lines.filter(({ change }) => change === kind)] as const)
    .filter(([, some]) => some.length > 0)
    .map(([kind, some]) => `${counted(some.length, 'trust domain')} ${kind}${example(some)}`);
  const what = counts.length === 0 ? 'same CA certificates in another form' : counts.join(', ');
  const denial = denyAll ? '; no trust domain is left: proxies reject every client' : '';
  const named = lines.slice(0, namedInLine.trustDomains);
  return {
    message: `mesh ${mesh}: ${what}${denial}; version ${version} for ${counted(proxies, 'proxy')}`,
    trustDomains: named,
    more: lines.length - named.length,
  };
}

function lineOf(
  { trustDomain, added, removed }: TrustDomainChange,
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
): TrustDomainLine {
  const change = !before.has(trustDomain) ? 'added' : after.has(trustDomain) ? 'changed' : 'removed';
  const anchors = [
    ...added.map((fingerprint) => `+${fingerprint.slice(0, 16)}`),
    ...removed.map((fingerprint) => `-${fingerprint.slice(0, 16)}`),
  ];
  return {
    trustDomain,
    change,
    added: added.length,
    removed: removed.length,
    anchors: anchors.slice(0, namedInLine.anchors),
  };
}

/** Names a single trust domain with its counts; several are in the fields of the line. */
function example(lines: readonly TrustDomainLine[]): string {
  const [only] = lines;
  if (only === undefined || lines.length > 1) return '';
  const parts = [only.added > 0 ? `+${only.added}` : '', only.removed > 0 ? `-${only.removed}` : ''];
  return ` (${[only.trustDomain, ...parts.filter((part) => part !== '')].join(' ')})`;
}
