import { finding } from '../findings/finding.ts';
import type { Severity } from '../findings/catalogue.ts';
import type { Finding, Place } from '../findings/finding.ts';
import { originOf } from '../identity/derived-identity.ts';
import { firstOrigin, originOfPath } from '../ledger/path-origin.ts';
import type { Origin } from '../ledger/path-origin.ts';
import type { Share } from '../ledger/share.ts';
import type { Identity, TrustDomain } from '../model/mesh-trust.ts';
import type { Certificate } from '../x509/certificate.ts';
import { reroot } from '../x509/reroot.ts';
import { caNamesSize } from './ca-names.ts';
import { chooseSameKeyCertificates } from './same-key-certificates.ts';
import type { SameKeyChoice } from './same-key-certificates.ts';
import { describeCa } from './describe-ca.ts';
import { constraintFindings } from './constraint-findings.ts';
import { findUngrounded } from './find-ungrounded.ts';
import type { Ungrounded } from './find-ungrounded.ts';
import { spanAround } from './time-span.ts';
import { isDistrusted } from './trust-bundle.ts';
import type { BundlePolicy, Rooting, ServedAnchor, TrustBundle } from './trust-bundle.ts';
import { compareText } from '../../text/compare-text.ts';

/** The input of `buildBundle` for one trust domain. */
export interface BundleInput {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  readonly shares: readonly Share[];
  /** Epoch milliseconds; decides between certificates of one key, and whether an issuer is valid. */
  readonly now: number;
  readonly policy: BundlePolicy;
  /** The bundle served before. It tells an intermediate that lost its issuer from one whose issuer was never listed. */
  readonly previous?: TrustBundle | undefined;
}

/** One listed certificate, with every place and resource that lists it. */
interface Listed {
  readonly certificate: Certificate;
  readonly places: readonly Place[];
  readonly listedBy: readonly Identity[];
  readonly origin: Origin;
}

/** Adds a finding about a listed certificate. */
type Report = (
  code: Parameters<typeof finding>[0],
  message: string,
  listed: Listed,
  severity?: Severity,
) => void;

/**
 * Builds the bundle of one trust domain from all certificates that are listed for it. The anchors depend only on the
 * set of listed certificates, not on their order or on how often each is listed.
 */
export function buildBundle(input: BundleInput): TrustBundle {
  const { mesh, trustDomain, policy, now } = input;
  const findings: Finding[] = [];
  const report: Report = (code, message, { certificate, places }, severity) => {
    const { fingerprint } = certificate;
    findings.push(finding(code, message, { ...places[0], mesh, trustDomain, fingerprint }, severity));
  };
  const listed = joinListed(input.shares);
  reportRepeated(listed, trustDomain, report);
  const distrusted = listed.filter(({ certificate }) => isDistrusted(certificate, policy));
  const trusted = listed.filter(({ certificate }) => !isDistrusted(certificate, policy));
  const effect =
    trusted.length === 0 ? `; ${trustDomain} has no CA in force, and its clients are refused` : '';
  for (const item of distrusted) {
    report(
      'MT018',
      `${describeCa(item.certificate)} is on the list of distrusted certificates and keys; it is not served${effect}`,
      item,
    );
  }
  const choice = chooseSameKeyCertificates(trusted, now);
  for (const { item, inFavourOf } of choice.dropped) {
    report(
      'MT027',
      `${describeCa(item.certificate)} has the same subject and key as certificate ${shortFingerprint(inFavourOf)}, which is served instead`,
      item,
    );
  }
  const grounding = findUngrounded(
    choice.chosen.map(({ certificate }) => certificate),
    now,
  );
  const rootingOf = createRootingOf(input.previous);
  const anchors = withOrigins(choice).flatMap((item): readonly ServedAnchor[] => {
    const ungrounded = grounding.ungrounded.get(item.certificate);
    return ungrounded === undefined
      ? [asListed(item)]
      : anchorOf(item, ungrounded, policy, rootingOf, report);
  });
  anchors.sort((a, b) => compareText(a.certificate.fingerprint, b.certificate.fingerprint));
  return {
    mesh,
    trustDomain,
    anchors,
    caNamesSize: caNamesSize(anchors),
    distrusted: distrusted.map(({ certificate }) => certificate),
    findings: [
      ...findings,
      ...constraintFindings({ mesh, trustDomain, anchors, issuers: grounding.issuers }),
    ],
    ...spanAround(now, [...choice.dates, ...grounding.dates]),
  };
}

function reportRepeated(listed: readonly Listed[], trustDomain: TrustDomain, report: Report): void {
  for (const item of listed) {
    // Kuma lists the CA of a MeshIdentity in a MeshTrust as well.
    const listings = item.places.filter(({ resource = '' }) => originOf(resource) === undefined).length;
    if (listings > 1)
      report(
        'MT025',
        `${describeCa(item.certificate)} is listed ${listings} times in trust domain ${trustDomain}; it is served once`,
        item,
      );
  }
}

/** Returns the chosen certificates. A CA has its first origin by any of its certificates. */
function withOrigins({ chosen, dropped }: SameKeyChoice<Listed>): readonly Listed[] {
  if (dropped.length === 0) return chosen;
  const others = Map.groupBy(dropped, ({ inFavourOf }) => inFavourOf);
  return chosen.map((item) => {
    const same = others.get(item.certificate) ?? [];
    return { ...item, origin: firstOrigin([item.origin, ...same.map(({ item: { origin } }) => origin)]) };
  });
}

function asListed({ certificate, places, listedBy, origin }: Listed): ServedAnchor {
  const place = places[0] ?? {};
  return { certificate, der: certificate.der, rooting: 'as-listed', listedBy, place, origin };
}

/** Returns the anchor of an intermediate without a usable issuer; none if the policy refuses it. */
function anchorOf(
  item: Listed,
  { unusable }: Ungrounded,
  policy: BundlePolicy,
  rootingOf: (certificate: Certificate) => Rooting,
  report: Report,
): readonly ServedAnchor[] {
  const { certificate } = item;
  const rerooted = (rooting: Rooting): readonly ServedAnchor[] => [
    { ...asListed(item), der: reroot(certificate), rooting },
  ];
  if (unusable !== undefined) {
    const isRefused = policy.refuseIntermediates;
    const severity = isRefused ? 'error' : undefined;
    report('MT028', describeUnusable(certificate, unusable, isRefused), item, severity);
    // Envoy refuses its clients either way, so the passing of a date withdraws no CA.
    return isRefused ? [asListed(item)] : rerooted('re-rooted');
  }
  if (policy.refuseIntermediates) {
    report(
      'MT017',
      `${describeCa(certificate)} is an intermediate whose issuer (${certificate.issuer}) is not listed, and --refuse-intermediates is set; it is not served`,
      item,
    );
    return [];
  }
  const rooting = rootingOf(certificate);
  report(...describeRooting(rooting, certificate), item);
  return rerooted(rooting);
}

function joinListed(shares: readonly Share[]): readonly Listed[] {
  const all = new Map<
    string,
    { certificate: Certificate; places: Map<string, Place>; listedBy: Set<Identity> }
  >();
  for (const share of shares.toSorted((a, b) => compareText(a.identity, b.identity))) {
    for (const { certificate, place } of share.anchors) {
      const item = all.get(certificate.fingerprint) ?? {
        certificate,
        places: new Map(),
        listedBy: new Set(),
      };
      all.set(certificate.fingerprint, item);
      // A place counts once: the current share can stand beside retained or held shares of the same place.
      const key = placeKey(place);
      if (!item.places.has(key)) item.places.set(key, place);
      item.listedBy.add(share.identity);
    }
  }
  return [...all.values()]
    .map(({ certificate, places, listedBy }) => ({
      certificate,
      places: [...places.values()],
      listedBy: [...listedBy],
      origin: firstOrigin(places.values().map(({ file = '' }) => originOfPath(file))),
    }))
    .sort((a, b) => compareText(a.certificate.fingerprint, b.certificate.fingerprint));
}

function placeKey({ file, resource, path, block }: Place): string {
  return [file, resource, path, block].join('\0');
}

/** Returns how intermediates without a listed issuer are served, given the bundle served before. */
function createRootingOf(previous: TrustBundle | undefined): (certificate: Certificate) => Rooting {
  const before = new Map(
    previous?.anchors.map(({ certificate, rooting }) => [certificate.fingerprint, rooting]),
  );
  return ({ fingerprint }) => {
    const rooting = before.get(fingerprint);
    return rooting === undefined || rooting === 're-rooted' ? 're-rooted' : 'promoted';
  };
}

function describeRooting(rooting: Rooting, certificate: Certificate): readonly ['MT020' | 'MT021', string] {
  const ca = describeCa(certificate);
  const { issuer } = certificate;
  return rooting === 'promoted'
    ? [
        'MT021',
        `${ca} is an intermediate whose issuer (${issuer}) was removed; it is still listed and still trusted, now as an anchor of its own`,
      ]
    : [
        'MT020',
        `${ca} is an intermediate whose issuer (${issuer}) is not listed; it is served as an anchor of its own, and its issuer's constraints and revocation do not bind it`,
      ];
}

function describeUnusable(certificate: Certificate, reason: string, isRefused: boolean): string {
  const fact = `${describeCa(certificate)} is an intermediate whose issuer (${certificate.issuer}) is listed, but Envoy cannot use the issuer: ${reason}`;
  return isRefused
    ? `${fact}; --refuse-intermediates is set, so it is served as listed, and Envoy refuses its clients`
    : `${fact}; it is served as an anchor of its own, and its issuer's constraints and revocation do not bind it`;
}

function shortFingerprint({ fingerprint }: Certificate): string {
  return fingerprint.slice(0, 16);
}
