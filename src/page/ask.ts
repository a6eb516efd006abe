import type { ApiError, FindingList, GuardRelease, MeshDetail, MeshList } from '../api/api-types.ts';
import type { CertificateDetail, CertificateList } from '../api/certificate-api-types.ts';
import type { ChangeList } from '../api/change-api-types.ts';
import type { ProxyDetail, ProxyList } from '../api/fleet-api-types.ts';
import type { ConsumerList } from '../api/consumer-api-types.ts';
import type { FederationList } from '../api/federation-api-types.ts';
import type { IdentityList } from '../api/identity-api-types.ts';
import type { RotationList } from '../api/rotation-api-types.ts';
import type { ServerDetail } from '../api/server-api-types.ts';
import type { Hints } from '../trust/findings/hints.ts';
import { behindStates } from './route.ts';
import type { ProxyFilter } from './route.ts';
import { followServerTime } from './server-time.ts';

/** Number of proxies on a page of the list. */
const pageSize = 200;
/** The longest time until a response is complete, in milliseconds. */
const longestMs = 30_000;
const name = encodeURIComponent;

export const askServer = (): Promise<ServerDetail> => ask('/api/v1/server');
/** In an upgrade, a replica of an earlier version may answer, which does not say what is unlisted. */
export const askMeshes = (): Promise<Pick<MeshList, 'meshes'> & Partial<MeshList>> => ask('/api/v1/meshes');
export const askFindings = (): Promise<FindingList> => ask('/api/v1/findings');
export const askMesh = (mesh: string): Promise<MeshDetail> => ask(`/api/v1/meshes/${name(mesh)}`);
export const askIdentities = (): Promise<IdentityList> => ask('/api/v1/identities');
export const askRotations = (mesh: string): Promise<RotationList> =>
  ask(`/api/v1/meshes/${name(mesh)}/rotations`);
/** Requests who fetched the published bundles. */
export const askConsumers = (): Promise<ConsumerList> => ask('/api/v1/federation/consumers');
/** Requests the trust domains whose bundles the server fetches. */
export const askFederation = (): Promise<FederationList> => ask('/api/v1/federation');
export const askHints = (): Promise<Hints> => ask('/ui/hints.json');
export const askProxy = (mesh: string, node: string): Promise<ProxyDetail> =>
  ask(`/api/v1/proxies/${name(node)}?mesh=${name(mesh)}`);

export const askCertificate = (fingerprint: string): Promise<CertificateDetail> =>
  ask(`/api/v1/certificates/${name(fingerprint)}`);
export const askCertificates = (search: string, limit: number): Promise<CertificateList> =>
  ask(`/api/v1/certificates?search=${name(search)}&limit=${limit}`);
export const askChanges = (mesh: string | undefined, limit: number): Promise<ChangeList> =>
  ask(`/api/v1/changes?limit=${limit}${mesh === undefined ? '' : `&mesh=${name(mesh)}`}`);
/** Requests proxies of all meshes by a part of their node ID. */
export const findProxies = (node: string, limit: number): Promise<ProxyList> =>
  ask(`/api/v1/proxies?node=${name(node)}&limit=${limit}`);

export function askProxies(
  mesh: string,
  { node, identity, state, version, after }: ProxyFilter,
): Promise<ProxyList> {
  const query = new URLSearchParams({ mesh, limit: String(pageSize) });
  if (node !== '') query.set('node', node);
  if (identity !== '') query.set('identity', identity);
  const states = state === 'behind' ? behindStates : state === '' ? [] : [state];
  for (const one of states) query.append('state', one);
  if (version !== '') query.set('version', version);
  const last = after.at(-1);
  if (last !== undefined) query.set('after', last);
  return ask(`/api/v1/proxies?${query.toString()}`);
}

/** Ends the holds of the guard in a mesh. */
export function releaseGuard(mesh: string): Promise<GuardRelease> {
  return ask(`/api/v1/guard/release?mesh=${name(mesh)}`, { method: 'POST' });
}

/** An error response of the server. */
export class ApiFailure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** @throws {ApiFailure} with the server's message, if the response is an error. */
async function ask<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
  // A request on a broken connection may never fail by itself.
  const response = await fetch(path, { signal: AbortSignal.timeout(longestMs), ...init });
  followServerTime(response.headers.get('date'));
  const answer = (await response.json()) as Answer & Partial<ApiError>;
  if (!response.ok)
    throw new ApiFailure(response.status, answer.error?.message ?? `${path}: ${response.status}`);
  return answer;
}
