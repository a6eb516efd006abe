import { firstOrigin, origins } from '../ledger/path-origin.ts';
import type { Origin } from '../ledger/path-origin.ts';
import type { Certificate } from '../x509/certificate.ts';
import {
  addNames,
  caNamesLimit,
  caNamesSize,
  countNames,
  encodedNameAndKey,
  removeNames,
} from './ca-names.ts';
import type { NameCount } from './ca-names.ts';
import type { MeshBundle, MeshInput } from './join-mesh.ts';
import { nameAndKey } from './same-key-certificates.ts';
import type { TrustBundle } from './trust-bundle.ts';

type Admits = (certificate: Certificate) => boolean;

/** The part of a bundle that is in the secret of all trust domains. */
interface Part {
  readonly bundle: TrustBundle;
  readonly admits: Admits;
}

/** The parts by their whole bundles. */
type Parts = ReadonlyMap<TrustBundle, Part>;

/** What fits. */
interface Fitted {
  readonly merged: readonly TrustBundle[];
  /** Which CAs are served, for people. */
  readonly how: string;
  /** Whether all CAs that this zone lists are served. */
  readonly isLocalWhole: boolean;
}

const everything: Admits = () => true;

/**
 * Returns the bundles, or fewer CAs of them, so that their names fit. The CAs that this zone lists come first, then
 * imported ones, then those of peers: another party decides how many and how long its names are, and must not keep
 * the CAs of others from the proxies. Among those of one origin, the CAs that were served before stay.
 */
export function fitIntoLimit(
  bundles: readonly TrustBundle[],
  previous: MeshBundle | undefined,
  restrict: MeshInput['restrict'],
): Fitted {
  const wasServed = servedBefore(previous);
  const cas = new Map(bundles.map((bundle) => [bundle, originsOf(bundle)]));
  const how: string[] = [];
  let isLocalWhole = true;
  let parts: Parts = new Map();
  for (const origin of origins) {
    const before = parts;
    // Without its CAs of an earlier origin, a trust domain is left out as a whole, and a finding says so.
    const some = bundles.filter((bundle) => {
      const present = cas.get(bundle)?.present;
      return present?.has(origin) === true && (origin === firstOrigin(present) || before.has(bundle));
    });
    if (some.length === 0) continue;
    const partOf = (bundle: TrustBundle, isKept: Admits): Part => {
      const lower = before.get(bundle);
      const { of } = cas.get(bundle) ?? originsOf(bundle);
      const admits: Admits = (certificate) =>
        of(certificate) === origin ? isKept(certificate) : lower?.admits(certificate) === true;
      const isWhole = bundle.anchors.every(({ certificate }) => admits(certificate));
      return { bundle: isWhole ? bundle : restrict(bundle, admits), admits };
    };
    const partsWith = (keptOf: (bundle: TrustBundle) => Admits | undefined): Parts =>
      new Map(
        some.flatMap((bundle) => {
          const isKept = keptOf(bundle);
          return isKept === undefined ? [] : [[bundle, partOf(bundle, isKept)] as const];
        }),
      );
    const all = partsWith(() => everything);
    if (sizeOf([...before, ...all]) <= caNamesLimit) {
      parts = new Map([...before, ...all]);
      continue;
    }
    const served = wasServed && partsWith(wasServed);
    const isServedFitting = served !== undefined && sizeOf([...before, ...served]) <= caNamesLimit;
    parts = isServedFitting ? new Map([...before, ...served]) : withoutLargest(before, served ?? all);
    how.push(describe(origin, isServedFitting));
    if (origin === 'local') isLocalWhole = false;
  }
  const wasThere = new Set(previous?.merged.map(({ trustDomain }) => trustDomain));
  const kept = bundles.flatMap((bundle) => {
    const part = parts.get(bundle);
    // A trust domain that was there and lost its CAs stays, with none.
    const isLeftOut = part?.bundle.anchors.length === 0 && bundle.anchors.length > 0;
    return part === undefined || (isLeftOut && !wasThere.has(bundle.trustDomain)) ? [] : { bundle, part };
  });
  return { merged: withServedElsewhere(kept, restrict), how: how.join('; '), isLocalWhole };
}

/**
 * Returns the bundles of the parts, each with the CAs that another trust domain brings into the secret anyway: they add
 * no name. The next build would admit them as served before, so without them, a server would serve something else after
 * its start than after an unrelated change.
 */
function withServedElsewhere(
  kept: readonly { readonly bundle: TrustBundle; readonly part: Part }[],
  restrict: MeshInput['restrict'],
): readonly TrustBundle[] {
  const served = namesAndKeys(kept.map(({ part }) => part.bundle));
  return kept.map(({ bundle, part }) => {
    if (part.bundle === bundle) return bundle;
    const isServed: Admits = (certificate) => served.has(encodedNameAndKey(certificate));
    const isMissing = bundle.anchors.some(
      ({ certificate }) => !part.admits(certificate) && isServed(certificate),
    );
    return isMissing ? restrict(bundle, (one) => part.admits(one) || isServed(one)) : part.bundle;
  });
}

function namesAndKeys(bundles: readonly TrustBundle[]): ReadonlySet<string> {
  return new Set(
    bundles.flatMap(({ anchors }) => anchors.map(({ certificate }) => encodedNameAndKey(certificate))),
  );
}

/**
 * Returns which CAs of a trust domain were in the secret that was served last, if it was there. `undefined` without
 * such a secret.
 */
function servedBefore(
  previous: MeshBundle | undefined,
): ((bundle: TrustBundle) => Admits | undefined) | undefined {
  if (previous === undefined || previous.merged.length === 0) return undefined;
  // A renewed certificate of a served CA adds no byte to the handshake, and must replace the old one when it expires.
  const served = namesAndKeys(previous.merged);
  const domains = new Set(previous.merged.map(({ trustDomain }) => trustDomain));
  return ({ trustDomain }) =>
    domains.has(trustDomain) ? (certificate) => served.has(encodedNameAndKey(certificate)) : undefined;
}

/** Returns the origins of the CAs of a bundle. */
function originsOf({ anchors }: TrustBundle): {
  readonly present: ReadonlySet<Origin>;
  readonly of: (certificate: Certificate) => Origin | undefined;
} {
  const present = new Set<Origin>(anchors.length === 0 ? ['local'] : anchors.map(({ origin }) => origin));
  const [only] = present;
  if (present.size === 1) return { present, of: () => only };
  const byCa = new Map(anchors.map(({ certificate, origin }) => [nameAndKey(certificate), origin]));
  return { present, of: (certificate) => byCa.get(nameAndKey(certificate)) };
}

/** Adds parts, without the largest ones, so that the names fit. */
function withoutLargest(before: Parts, added: Parts): Parts {
  const parts = new Map([...before, ...added]);
  const count: NameCount = countNames([...parts.values()].map(({ bundle }) => bundle));
  const bySize = [...added]
    .map(([whole, part]) => ({ whole, part, size: caNamesSize(part.bundle.anchors) }))
    .toSorted((x, y) => y.size - x.size);
  for (const { whole, part } of bySize) {
    if (count.size <= caNamesLimit) break;
    const lower = before.get(whole);
    removeNames(count, part.bundle.anchors);
    addNames(count, lower?.bundle.anchors ?? []);
    if (lower === undefined) parts.delete(whole);
    else parts.set(whole, lower);
  }
  return parts;
}

function sizeOf(parts: Iterable<readonly [TrustBundle, Part]>): number {
  return countNames([...new Map(parts).values()].map(({ bundle }) => bundle)).size;
}

function describe(origin: Origin, isServed: boolean): string {
  const some = origin === 'local' ? '' : `of ${origin} trust domains, `;
  return isServed
    ? `${some}only the CAs that were served before and are still listed are served`
    : `${some}the largest ${origin === 'local' ? 'trust domains ' : ''}are left out`;
}
