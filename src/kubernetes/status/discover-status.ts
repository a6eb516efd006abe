import type { ApiClient } from '../client/api-client.ts';
import { asMapping, resource } from '../client/api-object.ts';
import { callApi } from '../client/call-api.ts';
import { discoveryPath } from './api-paths.ts';

/**
 * Whether the CRD that is installed has the status subresource: Kuma's own has none, and to write a status there would
 * need the right to change trust. `unknown` where the API server does not say.
 */
export async function discoverStatus(
  client: ApiClient,
  signal: AbortSignal,
): Promise<'there' | 'missing' | 'unknown'> {
  const reply = await callApi(client, discoveryPath, signal);
  if (reply.kind !== 'answered' || reply.status !== 200) return 'unknown';
  const { resources } = reply.object;
  if (!Array.isArray(resources)) return 'unknown';
  const names = resources.map((entry) => asMapping(entry)?.['name']);
  if (!names.includes(resource.plural)) return 'unknown';
  return names.includes(`${resource.plural}/status`) ? 'there' : 'missing';
}
