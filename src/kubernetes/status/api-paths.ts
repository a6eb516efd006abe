import type { ApiRequest } from '../client/api-client.ts';
import { resource } from '../client/api-object.ts';

const group = `/apis/${resource.group}/${resource.version}`;

/** Path that lists the resources of MeshTrust's API group. Every account may read it. */
export const discoveryPath: string = group;

/** Returns the path of a Lease, or of all Leases of a namespace. */
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

/** Returns a request that changes only the fields that the body contains (JSON merge patch, RFC 7386). */
export function mergePatch(path: string, body: unknown): ApiRequest {
  return { method: 'PATCH', path, type: 'application/merge-patch+json', body };
}
