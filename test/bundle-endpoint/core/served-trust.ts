import type { ServedTrust } from '../../../src/bundle-endpoint/core/publication-source.ts';
import type { BundlePolicy } from '../../../src/trust/bundle/trust-bundle.ts';
import type { Share } from '../../../src/trust/ledger/share.ts';
import { addShares } from '../../../src/trust/ledger/share.ts';
import type { TrustDomain } from '../../../src/trust/model/mesh-trust.ts';
import { createMeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import { noPolicy } from '../../kit/bundles.ts';

/** Builds served states one after another, as the pipeline does. */
export function makeServed(): {
  readonly of: (...shares: readonly Share[]) => ServedTrust;
  readonly setPolicy: (policy: BundlePolicy) => void;
} {
  const builder = createMeshBuilder(noPolicy);
  return {
    of: (...shares) => {
      const holdings = new Map<string, Map<TrustDomain, Share[]>>();
      addShares(holdings, shares);
      return { holdings, meshes: builder.build(holdings, Date.now()), isImportKnown: true, isAllRead: true };
    },
    setPolicy: (policy) => builder.setPolicy(policy),
  };
}

/** Returns a share as the federation source delivers it: its places are in a text that a peer published. */
export function federated(share: Share): Share {
  return placedIn(share, `federation:${share.mesh}/${share.trustDomain}`);
}

/** Returns a share as an import delivers it: its places are in an object of the Global control plane. */
export function imported(share: Share): Share {
  return placedIn(share, `import:kuma-system/${share.trustDomain}`);
}

function placedIn(share: Share, file: string): Share {
  return {
    ...share,
    anchors: share.anchors.map((anchor) => ({ ...anchor, place: { ...anchor.place, file } })),
  };
}
