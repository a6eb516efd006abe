import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { renderTemplate } from '../identity/render-template.ts';
import { endAfterRestart, lingerEnd } from '../identity/superseded.ts';
import type { Linger } from '../identity/superseded.ts';
import type { MeshIdentity, ParsedIdentity } from '../model/mesh-identity.ts';
import type { Identity } from '../model/mesh-trust.ts';

/** The parts of a MeshIdentity that decide for which trust domains zones may vouch, and how long. */
type Vouching = Pick<MeshIdentity, 'mesh' | 'labels' | 'trustDomainTemplate' | 'leafLifetimeMs'>;

/** A MeshIdentity that the Global control plane had, whose leaves may be valid until the end. */
interface Former {
  readonly resource: Vouching;
  /** Epoch milliseconds; `undefined` for no end. */
  readonly until: number | undefined;
}

/** A MeshIdentity of the Global control plane as a restart needs it. */
export interface VoucherRecord extends Vouching {
  /** When it ends, if the Global control plane no longer has it, in epoch milliseconds; `null` for no end. */
  readonly until?: number | null | undefined;
  /** The object that has it. Records of earlier versions have none. */
  readonly path?: string | undefined;
}

export interface VouchersOptions {
  readonly linger: Linger;
  /** The records of an earlier run. */
  readonly records?: readonly VoucherRecord[] | undefined;
}

/**
 * The trust domains that the MeshIdentities of the Global control plane render for each zone, so that the zone may
 * vouch for them. A MeshIdentity that a zone made does not count, because the operator of the zone writes it.
 */
export class Vouchers {
  readonly #options: VouchersOptions;
  /** The last good MeshIdentities of each path. */
  readonly #current = new Map<string, ReadonlyMap<Identity, MeshIdentity>>();
  readonly #problems = new Map<string, readonly Finding[]>();
  /** By `vouchingKey`. */
  #former: Map<string, Former>;
  /** MeshIdentities that the Global control plane had in an earlier run, until it is known whether it has them now. */
  #unconfirmed: readonly VoucherRecord[];
  /** The paths of which a complete version was read since the start. */
  readonly #read = new Set<string>();
  /** The other ones: what they had in an earlier run may still be there. */
  readonly #unread = new Set<string>();
  #isConfirmed = false;
  /** False while the former ones still have the ends of an earlier run, which may have had another linger. */
  #isLingerApplied = false;
  /** By mesh and zone; emptied when the MeshIdentities change. */
  readonly #rendered = new Map<string, ReadonlySet<string>>();

  constructor(options: VouchersOptions) {
    this.#options = options;
    const { linger } = options;
    const { records = [] } = options;
    this.#unconfirmed = records.filter(({ until }) => until === undefined);
    const former = linger.kind === 'fixed' && linger.ms === 0 ? [] : records;
    this.#former = new Map(
      former.flatMap(({ until, ...resource }) =>
        until === undefined ? [] : [[vouchingKey(resource), { resource, until: until ?? undefined }]],
      ),
    );
  }

  /**
   * Compares the MeshIdentities of an earlier run with those that were read now, once all were read. One that was
   * deleted or edited meanwhile ends from now on. One whose newest version cannot be used may still be there: it
   * vouches until that is known.
   */
  confirm(now: number): void {
    this.#isConfirmed = true;
    this.#compare(now);
  }

  #compare(now: number): void {
    const earlier = this.#unconfirmed;
    if (earlier.length === 0) return;
    const lifetimes = new Map<string, number>();
    for (const resource of earlier) {
      const key = vouchingKey(resource);
      lifetimes.set(key, Math.max(resource.leafLifetimeMs, lifetimes.get(key) ?? 0));
    }
    const current = new Set<string>();
    for (const [path, identities] of this.#current) {
      const confirmed = new Map<Identity, MeshIdentity>();
      for (const [identity, one] of identities) {
        const key = vouchingKey(one);
        current.add(key);
        confirmed.set(identity, withLifetime(one, lifetimes.get(key)));
      }
      this.#current.set(path, confirmed);
    }
    const missing = earlier.filter((resource) => !current.has(vouchingKey(resource)));
    const { left = [], ended = [] } = Object.groupBy(missing, ({ path }) =>
      (path === undefined ? this.#unread.size > 0 : this.#unread.has(path)) ? 'left' : 'ended',
    );
    this.#unconfirmed = left;
    this.#retire(ended, now);
    this.#rendered.clear();
  }

  /** Notes whether a version of a path gives all that the path has. */
  #note(path: string, isComplete: boolean, now: number): void {
    if (isComplete) this.#read.add(path);
    else if (!this.#read.has(path)) this.#unread.add(path);
    if (isComplete && this.#unread.delete(path) && this.#isConfirmed) this.#compare(now);
  }

  /** Returns what a restart needs: the MeshIdentities of the Global control plane, and the former ones. */
  records(): readonly VoucherRecord[] {
    const current = [...this.#current].flatMap(([path, identities]) =>
      [...identities.values()].filter(isOfGlobal).map((resource) => ({ ...vouchingOf(resource), path })),
    );
    return [
      ...this.#unconfirmed,
      ...current,
      ...[...this.#former.values()].map(({ resource, until = null }) => ({ ...vouchingOf(resource), until })),
    ];
  }

  /** Replaces the MeshIdentities of a path. One that cannot be parsed keeps its last good version. */
  put(path: string, parsed: readonly ParsedIdentity[], now: number): void {
    const before = this.#current.get(path) ?? new Map<Identity, MeshIdentity>();
    const isHidden = parsed.some((item) => item.kind === 'invalid' && item.identity === undefined);
    const after = new Map<Identity, MeshIdentity>(isHidden ? before : []);
    for (const item of parsed) {
      if (item.kind === 'mesh-identity') {
        const earlier = before.get(item.resource.identity);
        const isAlike = earlier !== undefined && vouchingKey(earlier) === vouchingKey(item.resource);
        const lifetime = isAlike ? earlier.leafLifetimeMs : undefined;
        after.set(item.resource.identity, withLifetime(item.resource, lifetime));
      } else if (item.identity !== undefined) {
        const kept = before.get(item.identity);
        if (kept !== undefined) after.set(item.identity, kept);
      }
    }
    const problems = parsed.flatMap((item) => (item.kind === 'invalid' ? item.findings : []));
    this.#problems.set(path, problems);
    this.#current.set(path, after);
    const ended = [...before].flatMap(([identity, resource]) => {
      const next = after.get(identity);
      return next !== undefined && vouchingKey(next) === vouchingKey(resource) ? [] : resource;
    });
    this.#retire(ended, now);
    this.#rendered.clear();
    const isComplete = parsed.every(
      (item) => item.kind === 'mesh-identity' || (item.identity !== undefined && before.has(item.identity)),
    );
    this.#note(path, isComplete, now);
  }

  /** Reports a version of a path that cannot be read: the last good one stays. */
  fail(path: string, findings: readonly Finding[], now: number): void {
    this.#problems.set(path, findings);
    this.#note(path, false, now);
  }

  /** Removes a path. What its MeshIdentities gave to zones stays allowed while their leaves can be valid. */
  remove(path: string, now: number): void {
    this.#retire(this.#current.get(path)?.values() ?? [], now);
    this.#current.delete(path);
    this.#problems.delete(path);
    this.#rendered.clear();
    this.#note(path, true, now);
    this.#read.delete(path);
  }

  /** Ends the MeshIdentities whose leaves are no longer valid. Returns whether there were any. */
  tick(now: number): boolean {
    this.#applyLinger(now);
    const left = [...this.#former].filter(([, { until }]) => until === undefined || until > now);
    if (left.length === this.#former.size) return false;
    this.#former = new Map(left);
    this.#rendered.clear();
    return true;
  }

  #applyLinger(now: number): void {
    if (this.#isLingerApplied) return;
    this.#isLingerApplied = true;
    const { linger } = this.#options;
    for (const [key, { resource, until }] of this.#former) {
      const leavesUntil = lingerEnd({ kind: 'leaves' }, resource.leafLifetimeMs, now) ?? now;
      this.#former.set(key, { resource, until: endAfterRestart(linger, { until, leavesUntil }, now) });
    }
  }

  /** Returns when the next former MeshIdentity ends, in epoch milliseconds. */
  nextEnd(): number | undefined {
    const ends = [...this.#former.values()].flatMap(({ until }) => until ?? []);
    return ends.length === 0 ? undefined : ends.reduce((a, b) => Math.min(a, b));
  }

  /** Returns whether a MeshIdentity gives a trust domain to a zone. */
  isGiven(mesh: string, zone: string, trustDomain: string): boolean {
    return this.#renderedFor(mesh, zone).has(trustDomain);
  }

  /** Returns whether a MeshIdentity gives the same trust domain to every zone. */
  isShared(mesh: string, trustDomain: string): boolean {
    return this.#renderedFor(mesh, undefined).has(trustDomain);
  }

  /** Returns the findings about the MeshIdentities of the Global control plane. */
  findings(): readonly Finding[] {
    const failed = [...this.#current.values()].flatMap((identities) =>
      [...identities.values()].filter(isOfGlobal).flatMap((resource) => {
        const rendering = render(resource, 'zone');
        return rendering.kind === 'failed' ? [templateFailed(resource, rendering.reason)] : [];
      }),
    );
    return [...[...this.#problems.values()].flat(), ...failed];
  }

  /** Returns what is rendered for a zone; for `undefined`, what does not depend on it. */
  #renderedFor(mesh: string, zone: string | undefined): ReadonlySet<string> {
    const key = JSON.stringify([mesh, zone]);
    const known = this.#rendered.get(key);
    if (known !== undefined) return known;
    const names = new Set<string>();
    const former = this.#former.values().map(({ resource }) => resource);
    for (const resource of [...this.#all(), ...this.#unconfirmed, ...former]) {
      if (resource.mesh !== mesh || !isOfGlobal(resource)) continue;
      // In Kuma the label wins over the zone in which the template is rendered, so it gives other zones no name of
      // theirs.
      if ((resource.labels['kuma.io/zone'] ?? zone) !== zone) continue;
      const rendering = render(resource, zone);
      if (rendering.kind === 'text') names.add(rendering.text);
    }
    this.#rendered.set(key, names);
    return names;
  }

  /** Returns all MeshIdentities in force, those of zones among them. */
  #all(): readonly MeshIdentity[] {
    return [...this.#current.values()].flatMap((identities) => [...identities.values()]);
  }

  /**
   * Ends MeshIdentities once their leaves are no longer valid, nor those of an earlier time in which they were there.
   */
  #retire(resources: Iterable<Vouching>, now: number): void {
    for (const resource of resources) {
      if (!isOfGlobal(resource)) continue;
      const until = lingerEnd(this.#options.linger, resource.leafLifetimeMs, now);
      if (until !== undefined && until <= now) continue;
      const key = vouchingKey(resource);
      const before = this.#former.get(key);
      const isLonger = before === undefined || laterEnd(before.until, until) === until;
      this.#former.set(key, isLonger ? { resource, until } : before);
    }
  }
}

/** Returns whether the Global control plane made the resource. What a zone sends has the origin `zone`. */
function isOfGlobal({ labels }: Vouching): boolean {
  const { 'kuma.io/origin': origin, 'kuma.io/zone': zone } = labels;
  return origin === 'global' || (origin === undefined && zone === undefined);
}

/** Returns the resource with the longer one of two lifetimes of leaves. */
function withLifetime(resource: MeshIdentity, earlierMs: number | undefined): MeshIdentity {
  return earlierMs === undefined || earlierMs <= resource.leafLifetimeMs
    ? resource
    : { ...resource, leafLifetimeMs: earlierMs };
}

/** Returns the later of two ends; `undefined` is no end. */
function laterEnd(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}

function vouchingOf({ mesh, labels, trustDomainTemplate, leafLifetimeMs }: Vouching): Vouching {
  return { mesh, labels, trustDomainTemplate, leafLifetimeMs };
}

/** Returns a text that is equal for resources that render the same trust domains. */
function vouchingKey({ mesh, labels, trustDomainTemplate }: Vouching): string {
  return JSON.stringify([mesh, trustDomainTemplate, labels]);
}

function render(
  { mesh, labels, trustDomainTemplate }: Vouching,
  zone: string | undefined,
): ReturnType<typeof renderTemplate> {
  return renderTemplate(trustDomainTemplate, { mesh, zone, labels });
}

function templateFailed({ place, mesh }: MeshIdentity, reason: string): Finding {
  return finding(
    'MT072',
    `the template of the trust domain cannot be rendered here: ${reason}; allow the trust domains of the zones with --import-trust-domain`,
    { ...place, mesh },
  );
}
