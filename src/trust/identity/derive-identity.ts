import type { Finding } from '../findings/finding.ts';
import type { ParsedIdentity } from '../model/mesh-identity.ts';
import type { Identity, TrustDomain } from '../model/mesh-trust.ts';
import type { ParsedDocument } from '../model/parse-mesh-trust.ts';
import { derive } from './derive.ts';
import type { Derivation, DeriveContext } from './derive.ts';
import { derivedIdentityOf } from './derived-identity.ts';
import { givenBy, nothing } from './given.ts';
import type { Given } from './given.ts';

/** The result of deriving the newest version of a MeshIdentity. */
export interface DerivedIdentity {
  readonly outcome: Derivation['kind'] | 'invalid';
  readonly kri: string | undefined;
  /** The trust domains of the newest version, if they are known. */
  readonly trustDomains: readonly TrustDomain[];
  /** `undefined` if the name of the MeshIdentity is not legible. */
  readonly identity: Identity | undefined;
  /** The documents for the ledger in place of the MeshIdentity. */
  readonly documents: readonly ParsedDocument[];
  readonly given: Given;
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
    return {
      identity,
      documents,
      given: earlier ?? nothing,
      outcome: 'invalid',
      kri: undefined,
      trustDomains: [],
    };
  }
  const { identity, leafLifetimeMs } = item.resource;
  const earlier = before.get(identity);
  const derivation = derive(item.resource, context);
  const { kri, kind: outcome, findings, trustDomains } = derivation;
  switch (derivation.kind) {
    case 'trust': {
      const { resources } = derivation;
      const documents = resources.map((resource, position): ParsedDocument => ({
        kind: 'mesh-trust',
        resource,
        remarks: position === 0 ? findings : [],
      }));
      return {
        identity,
        documents,
        given: givenBy(resources, leafLifetimeMs, earlier),
        outcome,
        kri,
        trustDomains,
      };
    }
    case 'none':
      return {
        identity,
        documents: [{ kind: 'without-trust', findings }],
        given: nothing,
        outcome,
        kri,
        trustDomains,
      };
    case 'keep':
      return {
        identity,
        documents: keptDocuments(identity, findings, earlier),
        given: earlier ?? nothing,
        outcome,
        kri,
        trustDomains,
      };
  }
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
