import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Severity } from '../findings/catalogue.ts';
import type { Holdings } from '../ledger/share.ts';
import { compareText } from '../../text/compare-text.ts';
import { federationPath, namesOfKey } from './relationship.ts';
import type { Relationship } from './relationship.ts';
import type { RelationshipStatus } from './relationship-status.ts';

const hourMs = 3_600_000;
/** The age of the last success from which a failure is an error. */
const errorAgeMs = 24 * hourMs;
/** A CA certificate that ends within this time makes a failure an error. */
const nearEndMs = 7 * 24 * hourMs;
/** The number of intervals without a success after which a failure is a warning. */
const warningIntervals = 3;
/** Findings about the keys of one bundle. */
const maxKeyFindings = 20;

/**
 * Returns the findings about the relationships. Their texts have no times, so that a finding stays the same. `holdings`
 * is the trust in force, of all sources.
 */
export function federationFindings(
  all: Iterable<RelationshipStatus>,
  now: number,
  maxIntervalMs: number,
  holdings: Holdings,
): readonly Finding[] {
  return [...all].flatMap((status) => [
    ...failureFinding(status, now, holdings),
    ...documentFindings(status, maxIntervalMs),
  ]);
}

/** Returns the severity of a failed fetch by the age of the last success. */
function failureSeverity(
  { lastSuccessAt, intervalMs, dates, document }: RelationshipStatus,
  now: number,
): Severity {
  const age = lastSuccessAt === undefined ? undefined : now - lastSuccessAt;
  const isNearEnd = dates !== undefined && dates.firstEnd - now < nearEndMs;
  // Without any bundle, the clients of the trust domain are refused unless a MeshTrust lists it as well.
  if (document === undefined || isNearEnd || (age !== undefined && age > errorAgeMs)) return 'error';
  return age !== undefined && age <= warningIntervals * intervalMs ? 'info' : 'warning';
}

function failureFinding(status: RelationshipStatus, now: number, holdings: Holdings): readonly Finding[] {
  const { relationship, error, document, lastSuccessAt, withdrawn } = status;
  if (error === undefined) return [];
  const effect =
    withdrawn === 'too-old'
      ? 'the last bundle is too old and withdrawn'
      : document === undefined
        ? effectWithoutBundle(relationship, holdings)
        : 'the last bundle stays in force';
  const remedy =
    error.reason === 'identity' && lastSuccessAt !== undefined
      ? '; if the peer replaced its CAs, set spec.trustDomainBundle to its new bundle'
      : '';
  const text = `the bundle of trust domain ${relationship.trustDomain} cannot be fetched (${error.reason}): ${error.message}; ${effect}${remedy}`;
  return [finding('MT083', text, placeOf(status), failureSeverity(status, now))];
}

/** Says what is in force without a bundle: a MeshTrust may list the trust domain, or an earlier run have kept it. */
function effectWithoutBundle({ mesh, trustDomain }: Relationship, holdings: Holdings): string {
  const shares = holdings.get(mesh)?.get(trustDomain) ?? [];
  return shares.some(({ anchors }) => anchors.length > 0)
    ? 'its other CA certificates stay in force'
    : 'its clients are refused';
}

function documentFindings(status: RelationshipStatus, maxIntervalMs: number): readonly Finding[] {
  const { relationship, document, held, withdrawn, dates, origin } = status;
  const { trustDomain } = relationship;
  const place = placeOf(status);
  const findings: Finding[] = [];
  for (const { key, reason } of (origin === 'bootstrap' ? [] : (document?.remarks ?? [])).slice(
    0,
    maxKeyFindings,
  ))
    findings.push(
      finding('MT084', `the bundle of ${trustDomain} has a bad key: key ${key + 1} ${reason}`, {
        ...place,
        file: federationPath(relationship.key),
        line: undefined,
        path: `keys[${key}]`,
      }),
    );
  if (held?.kind === 'lower-sequence')
    findings.push(
      finding(
        'MT085',
        `the bundle of ${trustDomain} changed and its sequence went back to ${held.sequence ?? 'none'}; the earlier bundle stays in force until the new one is confirmed`,
        place,
      ),
    );
  if (held?.kind === 'empty')
    findings.push(
      finding(
        'MT086',
        `the bundle of ${trustDomain} is empty; it is withdrawn once a second fetch confirms it`,
        place,
      ),
    );
  if (withdrawn === 'empty')
    findings.push(
      finding(
        'MT086',
        `the bundle of ${trustDomain} is empty: all of its CA certificates are withdrawn`,
        place,
      ),
    );
  const hintMs = (document?.refreshHintSeconds ?? 0) * 1000;
  if (hintMs > maxIntervalMs || (dates !== undefined && hintMs > dates.shortestLife / 6))
    findings.push(
      finding(
        'MT089',
        `the bundle of ${trustDomain} asks to be fetched every ${hintMs / 1000} s, which is slow`,
        place,
      ),
    );
  return findings;
}

/**
 * Returns a finding for each relationship of an earlier run whose ClusterFederatedTrustDomain is not among those that
 * were read, while files or objects (`unread`) may have it.
 */
export function keptFindings(keys: readonly string[], unread: readonly string[]): readonly Finding[] {
  const [first] = unread.toSorted(compareText);
  if (first === undefined) return [];
  const more = unread.length === 1 ? '' : ` or ${unread.length - 1} more`;
  return keys.map((key) => {
    const { mesh, trustDomain } = namesOfKey(key);
    const text = `the ClusterFederatedTrustDomain of trust domain ${trustDomain} may be in ${first}${more}, of which no complete version was read since the start; its last bundle stays in force, and is not fetched`;
    return finding('MT040', text, { file: federationPath(key), mesh, trustDomain });
  });
}

/** Returns a finding for each trust domain that has CA certificates from its endpoint and from elsewhere. */
export function alsoListedFindings(
  all: Iterable<RelationshipStatus>,
  holdings: Holdings,
): readonly Finding[] {
  return [...all].flatMap((status) => {
    const { mesh, trustDomain, key } = status.relationship;
    if (status.document === undefined) return [];
    const files = (holdings.get(mesh)?.get(trustDomain) ?? []).flatMap(({ anchors }) =>
      anchors.flatMap(({ place }) => place.file ?? []),
    );
    const other = files.find((file) => file !== federationPath(key));
    if (other === undefined) return [];
    const text = `trust domain ${trustDomain} is federated and also listed in ${other}: a CA that its endpoint removes stays trusted while it is listed`;
    return [finding('MT088', text, placeOf(status))];
  });
}

function placeOf({
  relationship,
}: RelationshipStatus): Pick<Finding, 'file' | 'line' | 'resource' | 'path' | 'mesh' | 'trustDomain'> {
  const { place, mesh, trustDomain } = relationship;
  return { ...place, mesh, trustDomain };
}
