import { bytesOf } from './held-bytes.ts';
import type { Peer, XdsRequest } from './request.ts';
import type { SmallMap } from '../small/small-map.ts';
import type { TypeState } from './type-state.ts';

/** Limits on the state that a client can create on one stream. */
export interface StreamLimits {
  /** Maximum number of subscribed names on a stream, of all types together. */
  readonly names: number;
  /**
   * Maximum length in bytes (UTF-8) of a name, of a quoted version, of a type URL, and of a node's id, group and user
   * agent.
   */
  readonly nameLength: number;
  /** Maximum sum of the lengths of the subscribed names on a stream, in bytes (UTF-8). */
  readonly nameBytes: number;
  /** Maximum number of types on a stream. */
  readonly types: number;
  /** Maximum number of `initial_resource_versions` in one delta request. */
  readonly quotedVersions: number;
  /** Time after which a change is sent although the response before it has no ACK or NACK yet, in ms. */
  readonly ackTimeoutMs: number;
}

/** The default limits of a stream. */
export const defaultStreamLimits: StreamLimits = {
  names: 1_000,
  nameLength: 4_096,
  nameBytes: 262_144,
  types: 64,
  quotedVersions: 10_000,
  ackTimeoutMs: 5_000,
};

/** The error of an invalid request: it ends the stream, or is the reply to a unary request. The codes are gRPC's. */
export interface RequestError {
  readonly code: 'INVALID_ARGUMENT' | 'RESOURCE_EXHAUSTED';
  readonly message: string;
}

/** The context that a request is checked against. */
export interface RequestContext<Request extends XdsRequest> {
  /** The type that the request is for; empty if neither the request nor the service has one. */
  readonly typeUrl: string;
  /** The type of a service that serves only one type. */
  readonly serviceType: string | undefined;
  /** The client, if this is the first request of the stream. */
  readonly newPeer: Peer | undefined;
  /** The types of the stream, by type URL. */
  readonly types: Pick<SmallMap<string, TypeState<Request>>, 'entries' | 'get' | 'has' | 'size'>;
  readonly limits: StreamLimits;
}

/**
 * Checks a whole request before any of it is applied: an invalid request must not change state. Returns the error with
 * which the stream must end, if any.
 */
export function checkRequest<Request extends XdsRequest>(
  request: Request,
  context: RequestContext<Request>,
): RequestError | undefined {
  const { typeUrl, serviceType, types, limits } = context;
  if (typeUrl === '') return { code: 'INVALID_ARGUMENT', message: 'type_url is required' };
  if (serviceType !== undefined && typeUrl !== serviceType) {
    return { code: 'INVALID_ARGUMENT', message: `type_url is not ${serviceType}` };
  }
  if (!types.has(typeUrl) && types.size >= limits.types) {
    return exhausted(`more than ${limits.types} types on one stream`);
  }
  if (request.kind === 'delta' && request.initialVersions.size > limits.quotedVersions) {
    return exhausted(`more than ${limits.quotedVersions} quoted versions`);
  }
  const tooLong = findTooLongField(request, context);
  if (tooLong !== undefined) {
    return { code: 'INVALID_ARGUMENT', message: `${tooLong} is longer than ${limits.nameLength} bytes` };
  }
  return checkNames(request, context);
}

/** Returns the name of the first field that exceeds the length limit, if any. */
function findTooLongField<Request extends XdsRequest>(
  request: Request,
  { typeUrl, newPeer, limits }: RequestContext<Request>,
): string | undefined {
  const limit = limits.nameLength;
  if (exceedsBytes(typeUrl, limit)) return 'type_url';
  for (const name of namesOf(request)) if (exceedsBytes(name, limit)) return 'a resource name';
  if (quotesTooLong(request, limit)) return 'a quoted version';
  if (newPeer === undefined) return undefined;
  if (exceedsBytes(newPeer.nodeId, limit)) return 'node.id';
  if (exceedsBytes(newPeer.userAgent, limit)) return 'the user agent of the node';
  return exceedsBytes(newPeer.group, limit) ? 'the group of the node' : undefined;
}

function checkNames<Request extends XdsRequest>(
  request: Request,
  { typeUrl, types, limits }: RequestContext<Request>,
): RequestError | undefined {
  const names = namesOf(request);
  // The usual ACK: a request without names adds none.
  if (names.length === 0) return undefined;
  // The usual first request: one name is within all limits, unless they are unusual.
  const [only = ''] = names;
  if (names.length === 1 && types.size === 0 && limits.names > 0 && only.length * 3 <= limits.nameBytes)
    return undefined;
  const after = types.get(typeUrl)?.namesAfter(request) ?? new Set(names);
  let [count, bytes] = [after.size, bytesOf(after)];
  for (const [other, type] of types.entries()) {
    if (other === typeUrl) continue;
    const { names: others } = type;
    count += others.size;
    bytes += bytesOf(others);
  }
  if (count > limits.names) return exhausted(`more than ${limits.names} resource names on one stream`);
  if (bytes <= limits.nameBytes) return undefined;
  return exhausted(`the resource names on one stream have more than ${limits.nameBytes} bytes`);
}

function namesOf(request: XdsRequest): readonly string[] {
  return request.kind === 'sotw' ? request.names : request.subscribe;
}

/** True if a name or version that a request quotes as held by the client is too long. */
function quotesTooLong(request: XdsRequest, limit: number): boolean {
  if (request.kind === 'sotw') return exceedsBytes(request.version, limit);
  // Nearly every request: an iterator costs more than the rest of this check.
  if (request.initialVersions.size === 0) return false;
  for (const [name, version] of request.initialVersions)
    if (exceedsBytes(name, limit) || exceedsBytes(version, limit)) return true;
  return false;
}

function exhausted(message: string): RequestError {
  return { code: 'RESOURCE_EXHAUSTED', message };
}

/** True if the UTF-8 encoding of `text` is longer than `bytes`. A UTF-16 code unit takes at most three bytes. */
function exceedsBytes(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}
