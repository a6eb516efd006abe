import type { ApiClient } from '../client/api-client.ts';
import { resource } from '../client/api-object.ts';
import type { ObjectHead } from '../client/api-object.ts';
import { callApi, refusalOf } from '../client/call-api.ts';
import { statusPath } from './api-paths.ts';
import { observedStatus } from './core/observed-status.ts';
import type { ObjectStatus } from './core/status.ts';
import { asMapping } from '../../text/json.ts';

const fieldManager = 'meshtrust';

/** The outcome of a write. */
export type StatusWrite =
  /** `status` is the status that the object has now. */
  | { readonly kind: 'written'; readonly status: ObjectStatus }
  /** The API server accepted the write but dropped the fields, because the CRD's schema has no conditions. */
  | { readonly kind: 'pruned' }
  /** The object does not exist, has another uid, or has no status subresource. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Writes the status of one object by server-side apply, which keeps the fields of other controllers. The request
 * contains the uid, so it does not change a later object of the same name. Never throws.
 */
export async function writeStatus(
  client: ApiClient,
  head: ObjectHead,
  status: ObjectStatus,
  signal: AbortSignal,
): Promise<StatusWrite> {
  const { namespace, name, uid } = head;
  const reply = await callApi(
    client,
    {
      method: 'PATCH',
      // JSON is YAML. `force` takes over fields that another manager has written: meshtrust owns these fields.
      type: 'application/apply-patch+yaml',
      path: `${statusPath(head)}?fieldManager=${fieldManager}&force=true`,
      body: {
        apiVersion: `${resource.group}/${resource.version}`,
        kind: resource.kind,
        metadata: { namespace, name, uid },
        status,
      },
    },
    signal,
  );
  if (reply.kind === 'unreachable') return { kind: 'failed', reason: reply.reason };
  if (reply.status === 404 || reply.status === 409) return { kind: 'gone' };
  if (reply.status >= 300) return { kind: 'failed', reason: refusalOf(reply) };
  const kept = observedStatus(asMapping(reply.object['status']));
  return kept.conditions.length === 0 ? { kind: 'pruned' } : { kind: 'written', status: kept };
}
