import { combinedVersion } from './content-version.ts';
import { encodeResponse } from './encode.ts';
import { anonymousNode } from './request.ts';
import type { SotwRequest } from './request.ts';
import { lookup, wildcardNames } from './resource.ts';
import type { Refusal, SessionContext } from './session.ts';
import { wildcard } from './wildcard.ts';

/** What a unary request gets: a response, or the reason why there is none. */
export type FetchOutcome =
  | { readonly kind: 'response'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The type is not set yet: ask again later. */
  | { readonly kind: 'not-ready' };

/**
 * Answers a unary request: of the names asked for, those that exist, in one response; everything for no
 * names or `*`. Nothing is remembered of it.
 */
export function answerFetch(
  request: SotwRequest,
  serviceType: string,
  context: SessionContext,
  identifier: string,
): FetchOutcome {
  const { view, limits, optionsOf, groupOf } = context;
  if (request.typeUrl !== '' && request.typeUrl !== serviceType) {
    return refused('INVALID_ARGUMENT', `type_url is not ${serviceType}`);
  }
  const names = new Set(request.names);
  if (names.size > limits.names) {
    return refused('RESOURCE_EXHAUSTED', `more than ${limits.names} resource names in one request`);
  }
  const set = view.get(groupOf(request.node ?? anonymousNode), serviceType);
  if (set === undefined && optionsOf(serviceType).unset !== 'empty') return { kind: 'not-ready' };
  const all = names.delete(wildcard) || request.names.length === 0;
  const wanted = all && set !== undefined ? names.union(new Set(wildcardNames(set))) : names;
  const resources = set === undefined ? [] : [...wanted].sort().flatMap((name) => lookup(set, name) ?? []);
  const content = { typeUrl: serviceType, version: combinedVersion(resources), resources, removed: [] };
  return { kind: 'response', bytes: encodeResponse('sotw', content, '', identifier) };
}

function refused(code: Refusal['code'], message: string): FetchOutcome {
  return { kind: 'refused', refusal: { code, message } };
}
