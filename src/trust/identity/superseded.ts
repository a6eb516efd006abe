import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { LedgerEvent } from '../ledger/ledger.ts';
import { defaultLeafLifetimeMs } from '../model/mesh-identity.ts';
import type { Identity, MeshTrust, TrustAnchor, TrustDomain } from '../model/mesh-trust.ts';
import type { ParsedDocument } from '../model/parse-mesh-trust.ts';
import { meshIdentityOfSuperseded, supersededIdentityOf } from './derived-identity.ts';
import { anchorKey } from './given.ts';
import type { Given } from './given.ts';

/** The name of the source whose resources are superseded CA certificates. */
export const supersededSource = 'superseded';

/** How long the CA certificates that a MeshIdentity no longer has stay trusted. */
export type Linger =
  /** Until no leaf of them can be valid. */
  | { readonly kind: 'leaves' }
  /** As Kuma does: until a person removes them. */
  | { readonly kind: 'forever' }
  /** For a fixed time in milliseconds; with 0 not at all. */
  | { readonly kind: 'fixed'; readonly ms: number };

/** A CA certificate that a MeshIdentity no longer has. */
export interface SupersededCa {
  readonly trustDomain: TrustDomain;
  readonly anchor: TrustAnchor;
  /** When the trust in it ends, in epoch milliseconds; `undefined` if it has no end. */
  readonly until: number | undefined;
  /** From when no leaf of it can be valid, if it is known. */
  readonly leavesUntil?: number | undefined;
}

interface Superseded {
  /** A resource that was derived from the MeshIdentity, for the names in it. */
  readonly template: MeshTrust;
  readonly cas: readonly SupersededCa[];
}

/** The clocks of issuers and proxies may differ by this time. */
const clockSkewMs = 10_000;

/** The CA certificates that MeshIdentities no longer have, and that stay trusted while their leaves can be valid. */
export class SupersededCas {
  readonly #linger: Linger;
  readonly #all = new Map<Identity, Superseded>();
  /** The ends of CA certificates that their MeshIdentity has again, by MeshIdentity and key. */
  readonly #returned = new Map<Identity, Map<string, number>>();
  /** The MeshIdentities with changes that `takeEvents` has not returned yet. */
  readonly #changed = new Set<Identity>();

  constructor(linger: Linger) {
    this.#linger = linger;
  }

  /** Adds the CA certificates that a MeshIdentity gave before, and that are not among the `current` ones. */
  add(identity: Identity, { resources, lifetimes }: Given, current: ReadonlySet<string>, now: number): void {
    const [template] = resources;
    if (template === undefined || (this.#linger.kind === 'fixed' && this.#linger.ms === 0)) return;
    const added = new Map<string, SupersededCa>();
    for (const { trustDomain, blocks } of resources)
      for (const anchor of blocks) {
        if (anchor.kind !== 'anchor') continue;
        const { fingerprint } = anchor.certificate;
        const key = anchorKey(trustDomain, fingerprint);
        if (current.has(key)) continue;
        const lifetime = lifetimes.get(fingerprint) ?? defaultLeafLifetimeMs;
        const ofLeaves = lingerEnd(this.#linger, lifetime, now);
        // Leaves of the time before it came back may live longer.
        const returned = this.#returned.get(identity)?.get(key) ?? 0;
        const until = ofLeaves && Math.max(ofLeaves, returned);
        const leavesUntil = Math.max(leavesEnd(lifetime, now), returned);
        added.set(key, { trustDomain, anchor, until, leavesUntil });
      }
    if (added.size === 0) return;
    const others = this.of(identity).filter((ca) => !added.has(keyOf(ca)));
    this.#put(identity, { template, cas: [...others, ...added.values()] });
  }

  /** Restores the CA certificates that an earlier run kept. */
  restore(resource: MeshTrust, now: number): void {
    const identity = meshIdentityOfSuperseded(resource.identity);
    if (identity === undefined || resource.derivation?.kind !== 'superseded') return;
    const { trustDomain, blocks, derivation } = resource;
    const { leavesUntil = leavesEnd(defaultLeafLifetimeMs, now) } = derivation;
    const until = endAfterRestart(this.#linger, { until: derivation.until, leavesUntil }, now);
    const cas = blocks.flatMap((anchor) =>
      anchor.kind === 'anchor' ? { trustDomain, anchor, until, leavesUntil } : [],
    );
    this.#put(identity, { template: resource, cas: [...this.of(identity), ...cas] });
  }

  /** Drops the CA certificates that their MeshIdentity has again. `currentOf` returns the keys of those that it has. */
  dropCurrent(currentOf: (identity: Identity) => ReadonlySet<string> | undefined): void {
    this.remove(({ until, leavesUntil }, key, identity) => {
      if (currentOf(identity)?.has(key) !== true) return false;
      const end = until ?? leavesUntil;
      if (end !== undefined) {
        const ends = this.#returned.get(identity) ?? new Map<string, number>();
        this.#returned.set(identity, ends.set(key, end));
      }
      return true;
    });
  }

  /** Removes the CA certificates for which `isOver` holds. Returns how many there were. */
  remove(isOver: (ca: SupersededCa, key: string, identity: Identity) => boolean): number {
    let count = 0;
    for (const [identity, { template, cas }] of this.#all) {
      const left = cas.filter((ca) => !isOver(ca, keyOf(ca), identity));
      if (left.length === cas.length) continue;
      count += cas.length - left.length;
      this.#put(identity, { template, cas: left });
    }
    return count;
  }

  /** Returns the superseded CA certificates of a MeshIdentity. */
  of(identity: Identity): readonly SupersededCa[] {
    return this.#all.get(identity)?.cas ?? [];
  }

  entries(): Iterable<readonly [Identity, Superseded]> {
    return this.#all;
  }

  /** Returns when the next CA certificate ends, in epoch milliseconds. */
  nextEnd(): number | undefined {
    const ends = [...this.#all.values()].flatMap(({ cas }) => cas.flatMap(({ until }) => until ?? []));
    // Not as arguments of one call, which can be some 100,000 at most.
    return ends.length === 0 ? undefined : ends.reduce((a, b) => Math.min(a, b));
  }

  /** Returns the events of the source `superseded` for all changes since the last call. */
  takeEvents(): readonly LedgerEvent[] {
    const events = [...this.#changed].map((identity): LedgerEvent => {
      const path = `${supersededSource}:${identity}`;
      const entry = this.#all.get(identity);
      if (entry === undefined) return { kind: 'gone', path, evidence: 'deletion' };
      const documents = documentsOf(identity, entry);
      return {
        kind: 'version',
        path,
        settled: true,
        parsed: {
          kind: 'documents',
          documents,
          others: [],
          identities: [],
          secrets: [],
          federated: [],
          remarks: [],
        },
      };
    });
    this.#changed.clear();
    return events;
  }

  #put(identity: Identity, entry: Superseded): void {
    if (entry.cas.length === 0) this.#all.delete(identity);
    else this.#all.set(identity, entry);
    this.#changed.add(identity);
  }
}

/**
 * Returns the epoch milliseconds at which the trust in a CA certificate ends that may have issued leaves until `now`;
 * `undefined` if it has no end.
 */
export function lingerEnd(linger: Linger, leafLifetimeMs: number, now: number): number | undefined {
  switch (linger.kind) {
    case 'leaves':
      return leavesEnd(leafLifetimeMs, now);
    case 'forever':
      return undefined;
    case 'fixed':
      return now + linger.ms;
  }
}

/** Returns the epoch milliseconds from which no leaf can be valid that was issued until `now`. */
function leavesEnd(leafLifetimeMs: number, now: number): number {
  return now + leafLifetimeMs + clockSkewMs;
}

/**
 * Returns the end of trust that an earlier run kept, which may have had another linger. A fixed time that is shorter
 * now counts from `now`, because the time at which the trust was superseded is not stored. What had no end ends with
 * its leaves, unless it may still have none.
 */
export function endAfterRestart(
  linger: Linger,
  { until, leavesUntil }: { readonly until: number | undefined; readonly leavesUntil: number },
  now: number,
): number | undefined {
  switch (linger.kind) {
    case 'leaves':
      return until ?? leavesUntil;
    case 'forever':
      return until;
    case 'fixed':
      return Math.min(until ?? Infinity, now + linger.ms);
  }
}

function keyOf({ trustDomain, anchor }: SupersededCa): string {
  return anchorKey(trustDomain, anchor.certificate.fingerprint);
}

/** Returns one resource for each trust domain and end. */
function documentsOf(identity: Identity, { template, cas }: Superseded): readonly ParsedDocument[] {
  const groups = Map.groupBy(cas, ({ trustDomain, until }) =>
    supersededIdentityOf(identity, trustDomain, until),
  );
  return [...groups].map(([superseded, group]): ParsedDocument => {
    const { trustDomain = template.trustDomain, until } = group[0] ?? {};
    const leaves = group.flatMap(({ leavesUntil }) => leavesUntil ?? []);
    // Only an end that is not there yet needs it. CAs without an end are one resource, so the latest one counts.
    const leavesUntil =
      until === undefined && leaves.length > 0 ? leaves.reduce((a, b) => Math.max(a, b)) : undefined;
    const resource: MeshTrust = {
      ...template,
      identity: superseded,
      trustDomain,
      place: { ...template.place, resource: superseded },
      blocks: group.map(({ anchor }) => ({ ...anchor, place: { ...anchor.place, resource: superseded } })),
      derivation: { kind: 'superseded', until, ...(leavesUntil !== undefined && { leavesUntil }) },
    };
    return { kind: 'mesh-trust', resource, remarks: group.map((ca) => keptRemark(ca, resource)) };
  });
}

function keptRemark({ anchor, trustDomain, until }: SupersededCa, { mesh, place }: MeshTrust): Finding {
  const { subject, fingerprint } = anchor.certificate;
  const end =
    until === undefined
      ? 'until it is released'
      : `until ${new Date(until).toISOString().replace(/\.\d+/, '')}`;
  return finding(
    'MT076',
    `CA certificate ${subject} is no longer in its MeshIdentity; leaves that it issued may be valid, so it stays trusted ${end}`,
    { ...place, mesh, trustDomain, fingerprint },
  );
}
