import { setImmediate as nextTurn } from 'node:timers/promises';
import { limitProblem } from '../../trust/federation/bundle-text.ts';
import { endpointCas, unauthenticated } from '../../trust/federation/endpoint-cas.ts';
import { isBootstrapNew } from '../../trust/federation/poll-state.ts';
import type { FetchedBundle, PollState } from '../../trust/federation/poll-state.ts';
import type { Relationship } from '../../trust/federation/relationship.ts';
import { readBundleSteps } from '../../trust/model/bundle-document.ts';
import type { BundleReading } from '../../trust/model/bundle-document.ts';
import { encodePem } from '../../trust/pem/encode-pem.ts';
import type { BundleResponse, ServerCheck } from './fetch-bundle.ts';
import type { PollContext } from './poll-context.ts';

/** The time for one fetch, in milliseconds. */
const fetchTimeoutMs = 10_000;

/** A response whose document was read. */
export type ReadResponse =
  | Exclude<BundleResponse, { readonly kind: 'document' }>
  | Extract<BundleReading, { readonly kind: 'refused' }>
  | ({ readonly kind: 'bundle' } & FetchedBundle);

/**
 * Reads the document of a response in turns, between which other work is done: a peer can send thousands of keys, and
 * to read one takes about a tenth of a millisecond.
 */
async function readResponse(response: BundleResponse): Promise<ReadResponse> {
  if (response.kind !== 'document') return response;
  const steps = readBundleSteps(response.text);
  for (;;) {
    const { done, value } = steps.next();
    if (done !== true) await nextTurn();
    else if (value.kind === 'refused') return value;
    else return { kind: 'bundle', document: value.document, etag: response.etag };
  }
}

/** Reads the document of a response. Refuses a bundle that the parser would refuse. */
export async function readWithinLimits(
  response: BundleResponse,
  relationship: () => Relationship,
  { maxBytes, maxCertificates }: PollContext,
): Promise<ReadResponse> {
  const read = await readResponse(response);
  if (read.kind !== 'bundle') return read;
  const limits = { documentLength: maxBytes, certificatesPerResource: maxCertificates };
  const reason = limitProblem(relationship(), read.document, limits);
  return reason === undefined ? read : { kind: 'refused', reason };
}

/**
 * Fetches the bundle, and returns whether only an edited `trustDomainBundle` authenticated the endpoint. A change of
 * the endpoint aborts the fetch, so the state at its beginning suffices.
 */
export async function fetchOnce(
  state: PollState,
  context: PollContext,
  signal: AbortSignal,
): Promise<{ readonly response: BundleResponse; readonly isBootstrapped: boolean }> {
  const { relationship, memory, etag } = state;
  const { clock, userAgent, maxBytes, denyPrivate } = context;
  const end = clock.monotonic() + fetchTimeoutMs;
  let response: BundleResponse = { kind: 'failed', ...unauthenticated(relationship, memory.applied) };
  for (const { check, isNewBootstrap } of serverChecks(state, context)) {
    const timeoutMs = Math.max(1, end - clock.monotonic());
    response = await context.fetch({
      url: relationship.url,
      check,
      // A held document has to come again in full.
      etag: memory.held === undefined && memory.applied !== undefined ? etag : undefined,
      userAgent,
      maxBytes,
      timeoutMs,
      denyPrivate,
      signal,
    });
    if (response.kind !== 'failed' || response.reason !== 'identity')
      return { response, isBootstrapped: isNewBootstrap };
  }
  return { response, isBootstrapped: false };
}

/** Returns how the endpoint may be authenticated, in the order of the attempts. */
function serverChecks(
  state: PollState,
  context: PollContext,
): readonly { readonly check: ServerCheck; readonly isNewBootstrap: boolean }[] {
  const { relationship, memory, retained } = state;
  const { profile } = relationship;
  if (profile.kind === 'https_web')
    return [{ check: { kind: 'web', extraCas: context.webCas() }, isNewBootstrap: false }];
  const sets = endpointCas({
    relationship,
    fetched: memory.applied,
    retained,
    isBootstrapNew: isBootstrapNew(state),
    trusted: context.trusted,
    isDistrusted: context.isDistrusted,
  });
  return sets.map(({ cas, isNewBootstrap }) => ({
    check: { kind: 'spiffe', id: profile.id, cas: cas.map((der) => encodePem(der)) },
    isNewBootstrap,
  }));
}
