import type { ApiClient } from '../client/api-client.ts';
import type { ObjectHead } from '../client/api-object.ts';
import { callApi, refusalOf } from '../client/call-api.ts';
import { eventsPath } from './api-paths.ts';
import { renderEvent } from './core/render-events.ts';
import type { EventContext, StatusChange } from './core/render-events.ts';

export interface EventJob {
  readonly head: ObjectHead;
  readonly told: StatusChange;
}

/** Writes one Event; undefined, or why it could not be. That it is there already is no failure. Never throws. */
export async function writeEvent(
  client: ApiClient,
  { head, told }: EventJob,
  context: EventContext,
  signal: AbortSignal,
): Promise<string | undefined> {
  const body = renderEvent(head, told, context);
  const reply = await callApi(client, { method: 'POST', path: eventsPath(head.namespace), body }, signal);
  if (reply.kind === 'answered' && (reply.status < 300 || reply.status === 409)) return undefined;
  return refusalOf(reply);
}
