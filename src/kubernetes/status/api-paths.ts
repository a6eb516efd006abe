import type { ApiRequest } from '../client/api-client.ts';
import { resource } from '../client/api-object.ts';

const group = `/apis/${resource.group}/${resource.version}`;

/** What the API server serves of the group of MeshTrust. Every account may ask. */
export const discoveryPath: string = group;

/** The Leases of a namespace, or one of them. */
export function leasePath(namespace: string, name?: string): string {
  const all = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
  return name === undefined ? all : `${all}/${encodeURIComponent(name)}`;
}

export function eventsPath(namespace: string): string {
  return `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/events`;
}

export function statusPath({
  namespace,
  name,
}: {
  readonly namespace: string;
  readonly name: string;
}): string {
  const place = `namespaces/${encodeURIComponent(namespace)}`;
  return `${group}/${place}/${resource.plural}/${encodeURIComponent(name)}/status`;
}

/** Changes what the body names and nothing else (RFC 7386). */
export function mergePatch(path: string, body: unknown): ApiRequest {
  return { method: 'PATCH', path, type: 'application/merge-patch+json', body };
}
