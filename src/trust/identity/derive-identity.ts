import type { Finding } from '../findings/finding.ts';
import type { MeshIdentity, ParsedIdentity } from '../model/mesh-identity.ts';
import type { Identity, TrustDomain } from '../model/mesh-trust.ts';
import type { ParsedDocument } from '../model/parse-mesh-trust.ts';
import { derive } from './derive.ts';
import type { Derivation, DeriveContext, Publication } from './derive.ts';
import { derivedIdentityOf } from './derived-identity.ts';
import { anchorKeys, givenBy, nothing, placeOfCa } from './given.ts';
import type { Given } from './given.ts';

/** The result of deriving the newest version of a MeshIdentity. */
export interface DerivedIdentity {
  readonly outcome: Derivation['kind'] | 'invalid';
  readonly kri: string | undefined;
  /** The trust domains of the newest version, if they are known. */
  readonly trustDomains: readonly TrustDomain[];
  /** `undefined` if the name of the MeshIdentity is not legible. */
  readonly identity: Identity | undefined;
  /** The finding to report if the control plane does not publish its CA certificates soon. */
  readonly awaited?: Finding | undefined;
  /** The documents for the ledger in place of the MeshIdentity. */
  readonly documents: readonly ParsedDocument[];
  readonly given: Given;
  /** False if another document that it depends on may be incomplete. */
  readonly isSettled: boolean;
}

/** Derives what follows from a MeshIdentity, after what it and others of its file gave `before`. */
export function deriveIdentity(
  item: ParsedIdentity,
  before: ReadonlyMap<Identity, Given>,
  context: DeriveContext,
): DerivedIdentity {
  if (item.kind === 'invalid') {
    const { identity, findings } = item;
    const earlier = identity && before.get(identity);
    const documents = keptDocuments(identity, findings, earlier);
    const unknown = { kri: undefined, trustDomains: [], isSettled: true };
    return { identity, documents, given: earlier ?? nothing, outcome: 'invalid', ...unknown };
  }
  const { identity } = item.resource;
  const earlier = before.get(identity);
  const derivation = derive(item.resource, context);
  const { kri, kind: outcome, findings, trustDomains, isSettled } = derivation;
  const common = { identity, outcome, kri, trustDomains, isSettled };
  const kept = (all: readonly Finding[]): DerivedIdentity => ({
    ...common,
    outcome: 'keep',
    documents: keptDocuments(identity, all, earlier),
    given: earlier ?? nothing,
  });
  switch (derivation.kind) {
    case 'trust': {
      const { resources } = derivation;
      const documents = resources.map((resource, position): ParsedDocument => ({
        kind: 'mesh-trust',
        resource,
        remarks: position === 0 ? findings : [],
      }));
      return { ...common, documents, given: givenBy(resources, item.resource, earlier) };
    }
    case 'none': {
      const { publication } = derivation;
      const { unavailable } = publication ?? {};
      if (unavailable !== undefined && earlier !== undefined && isLost(earlier, item.resource, publication))
        return kept([...findings, unavailable]);
      const given = { ...nothing, published: publication?.resource };
      return { ...common, documents: [{ kind: 'without-trust', findings }], given };
    }
    case 'keep':
      return { ...kept(findings), awaited: derivation.awaited };
  }
}

/**
 * Returns whether CA certificates are in force that were read at the place where the MeshIdentity still has them, that
 * cannot be read there now, and that no MeshTrust has: their absence is no withdrawal.
 */
function isLost(
  { resources, from }: Given,
  { provider }: MeshIdentity,
  publication: Publication | undefined,
): boolean {
  if (from !== undefined && from !== placeOfCa(provider)) return false;
  const published = anchorKeys(publication === undefined ? [] : [publication.resource]);
  return !anchorKeys(resources).isSubsetOf(published);
}

/** Returns documents after which the ledger keeps what the MeshIdentity gave before. */
function keptDocuments(
  identity: Identity | undefined,
  findings: readonly Finding[],
  earlier: Given | undefined,
): readonly ParsedDocument[] {
  const kept = earlier?.resources.map((resource) => resource.identity) ?? [];
  const [first = identity && derivedIdentityOf(identity), ...others] = kept;
  return [
    { kind: 'invalid', identity: first, findings },
    ...others.map((other): ParsedDocument => ({ kind: 'invalid', identity: other, findings: [] })),
  ];
}
