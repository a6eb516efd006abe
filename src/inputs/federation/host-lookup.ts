import { ADDRCONFIG } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { Resolver, lookup } from 'node:dns/promises';
import { createLane } from './poll-lanes.ts';

/**
 * Returns the addresses of a host. An abort ends the wait. `isForeign`: a peer named the host in a redirect, and no
 * resource does.
 */
export type HostLookup = (
  host: string,
  signal: AbortSignal,
  isForeign?: boolean,
) => Promise<readonly LookupAddress[]>;

export interface HostLookupOptions {
  /** Asks the operating system. Default: getaddrinfo. */
  readonly resolve?: ((host: string) => Promise<readonly LookupAddress[]>) | undefined;
  /** Returns whether the DNS answers questions about a host, whatever the answer. */
  readonly probe?: ((host: string) => Promise<boolean>) | undefined;
  readonly monotonic?: (() => number) | undefined;
}

/** A lookup that takes longer, in milliseconds, is one that the DNS did not answer. */
const slowMs = 1_000;
/** How long a server of the DNS may take for a probe, in milliseconds. */
const probeMs = 1_000;
/** The number of hosts that are remembered whose last lookup was quick; the same of slow ones. */
const maxHosts = 10_000;
/** The number of lookups that may wait while one that no request wants any more still has its turn. */
const maxWaiting = 100;

/** A lookup that waits or runs. Requests for one host share it. */
interface SharedLookup {
  readonly addresses: Promise<readonly LookupAddress[]>;
  /** The requests that still wait for it. */
  readonly requests: Set<AbortSignal>;
}

/**
 * Creates a lookup in which hosts whose DNS does not answer do not delay the others. getaddrinfo waits for such a DNS
 * for 10 s and more, and only two calls of it run in a process at a time (libuv): fifty dead peers would keep the
 * bundles of all other peers, and the lookups of the API server, waiting for ever.
 *
 * So one call runs at a time for hosts that are known to be quick, and one for the rest. Before the first call for a
 * host, the DNS is asked without a thread whether it answers at all. A hostile DNS can answer this probe and delay the
 * call. So a host whose last call was slow, and a new host that a peer names, count as slow until a call is quick.
 */
export function createHostLookup({
  resolve = resolveBySystem,
  probe = probeDns,
  monotonic = () => performance.now(),
}: HostLookupOptions = {}): HostLookup {
  const [quickLane, slowLane] = [createLane(1), createLane(1)];
  const shared = new Map<string, SharedLookup>();
  /** The hosts whose last lookup was quick. */
  const quick = new Set<string>();
  /** The hosts whose last lookup was slow. */
  const slow = new Set<string>();
  const remember = (host: string, isQuick: boolean): void => {
    const [set, other] = isQuick ? [quick, slow] : [slow, quick];
    other.delete(host);
    set.delete(host);
    set.add(host);
    const [oldest] = set;
    if (set.size > maxHosts && oldest !== undefined) set.delete(oldest);
  };

  const run = async (
    host: string,
    isForeign: boolean,
    isWanted: () => boolean,
  ): Promise<readonly LookupAddress[]> => {
    const isKnown = quick.has(host);
    const hasAnswered = isKnown || (await probe(host));
    const isRest = !hasAnswered || (!isKnown && (isForeign || slow.has(host)));
    const { promise, resolve: settle, reject } = Promise.withResolvers<readonly LookupAddress[]>();
    void (isRest ? slowLane : quickLane).run(async () => {
      // A host whose DNS answers is looked up even if no request waits any more: only a quick call brings it out of the
      // slow lane. The limit is for names that a peer makes up.
      if (!isWanted() && !(isRest && hasAnswered && shared.size <= maxWaiting)) {
        // Its DNS may have failed with that of the host before it: the next lookup begins with a probe.
        quick.delete(host);
        settle([]);
        return;
      }
      const begin = monotonic();
      await resolve(host).then(settle, reject);
      remember(host, monotonic() - begin <= slowMs);
    });
    return promise;
  };

  const join = (host: string, signal: AbortSignal, isForeign: boolean): SharedLookup => {
    const known = shared.get(host);
    if (known !== undefined) {
      known.requests.add(signal);
      return known;
    }
    const requests = new Set([signal]);
    const addresses = run(host, isForeign, () => requests.size > 0).finally(() => shared.delete(host));
    const added = { addresses, requests };
    shared.set(host, added);
    return added;
  };

  return async (host, signal, isForeign = false) => {
    signal.throwIfAborted();
    const { addresses, requests } = join(host, signal, isForeign);
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([addresses, aborted.promise]);
    } finally {
      requests.delete(signal);
      signal.removeEventListener('abort', onAbort);
    }
  };
}

/** Asks the operating system for the addresses of a host. */
export function resolveBySystem(host: string): Promise<readonly LookupAddress[]> {
  return lookup(host, { all: true, hints: ADDRCONFIG });
}

/** The errors of a DNS that did not answer. All other errors are answers. */
const noAnswers: ReadonlySet<unknown> = new Set(['ETIMEOUT', 'ECONNREFUSED', 'ECANCELLED']);

async function probeDns(host: string): Promise<boolean> {
  // A new one each time, because the servers of the DNS may have changed.
  const resolver = new Resolver({ timeout: probeMs, tries: 1 });
  const results = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  return results.every(
    (result) =>
      result.status === 'fulfilled' || !noAnswers.has((result.reason as NodeJS.ErrnoException).code),
  );
}
