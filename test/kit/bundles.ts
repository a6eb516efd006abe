import { buildBundle } from '../../src/trust/bundle/build-bundle.ts';
import type { BundlePolicy, TrustBundle } from '../../src/trust/bundle/trust-bundle.ts';
import { currentShare } from '../../src/trust/ledger/share.ts';
import type { Share } from '../../src/trust/ledger/share.ts';
import type { TrustDomain } from '../../src/trust/model/mesh-trust.ts';
import type { MeshStates } from '../../src/trust/snapshot/mesh-builder.ts';
import type { Certificate } from './certificates.ts';
import { resourceOf } from './resources.ts';

export const noPolicy: BundlePolicy = { distrusted: new Set(), refuseIntermediates: false };

/** Returns the share of one resource that lists the given certificates. */
export function shareOf(
  trustDomain: string,
  certificates: readonly Pick<Certificate, 'certPem'>[],
  name = 'trust',
): Share {
  return currentShare(resourceOf({ name, trustDomain, pems: certificates.map(({ certPem }) => certPem) }));
}

export interface BundleOptions {
  readonly policy?: BundlePolicy;
  readonly now?: number;
  readonly previous?: TrustBundle;
}

/** Builds the bundle of one trust domain from shares. */
export function bundleOf(shares: readonly Share[], options: BundleOptions = {}): TrustBundle {
  const trustDomain = shares[0]?.trustDomain ?? ('a.test' as TrustDomain);
  return buildBundle({ mesh: 'default', trustDomain, shares, now: Date.now(), policy: noPolicy, ...options });
}

/** Returns the subjects of the served anchors, sorted, each with its rooting unless it is served as listed. */
export function served({ anchors }: TrustBundle): readonly string[] {
  return anchors
    .map(
      ({ certificate, rooting }) =>
        certificate.subject.replace(/^CN=/, '') + (rooting === 'as-listed' ? '' : ` ${rooting}`),
    )
    .sort();
}

/** Returns the CAs of each trust domain that has any, as `trust domain: common names`. */
export function servedCas(meshes: MeshStates): readonly string[] {
  return [...meshes.values()].flatMap(({ bundle }) =>
    bundle.bundles
      .filter(({ anchors }) => anchors.length > 0)
      .map(({ trustDomain, anchors }) => {
        const names = anchors.map(({ certificate }) => certificate.subject.replace(/^CN=/, ''));
        return `${trustDomain}: ${names.sort().join(' ')}`;
      }),
  );
}
