import type { ApiClient } from '../client/api-client.ts';
import { resource } from '../client/api-object.ts';
import { callApi } from '../client/call-api.ts';
import { discoveryPath } from './api-paths.ts';
import { asMapping } from '../../text/json.ts';

/** Whether the CRD has the status subresource; `unknown` if the API server did not answer that. */
export type StatusSubresource = 'present' | 'absent' | 'unknown';

/**
 * Asks the API server whether the installed CRD has the status subresource. Kuma's CRD has none: to write a status
 * without it, meshtrust would need the right to change trust.
 */
export async function discoverStatus(client: ApiClient, signal: AbortSignal): Promise<StatusSubresource> {
  const reply = await callApi(client, discoveryPath, signal);
  if (reply.kind !== 'answered' || reply.status !== 200) return 'unknown';
  const { resources } = reply.object;
  if (!Array.isArray(resources)) return 'unknown';
  const names = resources.map((entry) => asMapping(entry)?.['name']);
  if (!names.includes(resource.plural)) return 'unknown';
  return names.includes(`${resource.plural}/status`) ? 'present' : 'absent';
}
