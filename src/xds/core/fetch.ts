import { combinedVersion } from './content-version.ts';
import { encodeResponse } from './encode.ts';
import { unknownPeer } from './peer.ts';
import { anonymousNode } from './request.ts';
import type { SotwRequest } from './request.ts';
import { lookup, wildcardNames } from './resource.ts';
import type { Resource } from './resource.ts';
import type { RequestError } from './check-request.ts';
import type { Grant, SessionContext, StreamOrigin } from './session.ts';
import { wildcard } from './wildcard.ts';

/** The result of a unary request. */
type FetchOutcome =
  | { readonly kind: 'response'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly error: RequestError }
  /** The store has no set of the type yet: the client should retry later. */
  | { readonly kind: 'not-ready' };

/** Answers a unary request. `grant`: the decision of `authorize`. */
export type Fetch = (
  request: SotwRequest,
  from?: Pick<StreamOrigin, 'peer'> & Pick<Grant, 'group'>,
) => FetchOutcome;

/** The parameters of the unary method of one service. */
export interface FetchParts {
  readonly typeUrl: string;
  readonly context: SessionContext;
  /** Sent as `control_plane.identifier`. */
  readonly identifier: string;
}

/**
 * Creates the handler of unary requests for one type. A response contains the requested resources that exist; a
 * request without names, or with `*`, gets the wildcard's. Requests leave no state. A response with one resource,
 * the common case, is encoded once and its bytes are shared: never write to them.
 */
export function createFetch({ typeUrl, context, identifier }: FetchParts): Fetch {
  const { view, limits, optionsOf, groupOf } = context;
  const encodedAlone = new WeakMap<
    Resource,
    { readonly version: string | undefined; readonly bytes: Uint8Array }
  >();

  function encode(resources: readonly Resource[], version = combinedVersion(resources)): Uint8Array {
    return encodeResponse('sotw', { typeUrl, version, resources, removed: [] }, '', identifier);
  }

  function encodeOne(resource: Resource, version: string | undefined): Uint8Array {
    const known = encodedAlone.get(resource);
    if (known !== undefined && known.version === version) return known.bytes;
    const bytes = encode([resource], version);
    encodedAlone.set(resource, { version, bytes });
    return bytes;
  }

  /** The usual request, without sets of names. */
  function fetchOne(name: string, group: string): FetchOutcome {
    const set = view.get(group, typeUrl);
    const { unset, sotwVersion } = optionsOf(typeUrl);
    if (set === undefined && unset !== 'empty') return notReady;
    const version = sotwVersion === 'set' ? set?.version : undefined;
    const resource = set && lookup(set, name);
    return {
      kind: 'response',
      bytes: resource === undefined ? encode([], version) : encodeOne(resource, version),
    };
  }

  return (request, { peer = unknownPeer, group } = {}) => {
    if (request.typeUrl !== '' && request.typeUrl !== typeUrl) {
      return refused('INVALID_ARGUMENT', `type_url is not ${typeUrl}`);
    }
    const single = request.names.length === 1 && limits.names > 0 ? request.names[0] : undefined;
    if (single !== undefined && single !== wildcard)
      return fetchOne(single, group ?? groupOf(request.node ?? anonymousNode, peer));
    const names = new Set(request.names);
    if (names.size > limits.names) {
      return refused('RESOURCE_EXHAUSTED', `more than ${limits.names} resource names in one request`);
    }
    const set = view.get(group ?? groupOf(request.node ?? anonymousNode, peer), typeUrl);
    const { unset, sotwVersion } = optionsOf(typeUrl);
    if (set === undefined && unset !== 'empty') return notReady;
    const version = sotwVersion === 'set' ? set?.version : undefined;
    const all = names.delete(wildcard) || request.names.length === 0;
    const wanted = all && set !== undefined ? names.union(new Set(wildcardNames(set))) : names;
    const resources = set === undefined ? [] : [...wanted].sort().flatMap((name) => lookup(set, name) ?? []);
    const [only] = resources;
    const bytes =
      only !== undefined && resources.length === 1 ? encodeOne(only, version) : encode(resources, version);
    return { kind: 'response', bytes };
  };
}

const notReady: FetchOutcome = { kind: 'not-ready' };

function refused(code: RequestError['code'], message: string): FetchOutcome {
  return { kind: 'refused', error: { code, message } };
}
