import type { ApiAnswer } from './api-client.ts';
import type { WatchedResource } from './api-object.ts';
import type { RequestFailure, WatchInput } from './watch-types.ts';
import { asMapping, parseJson } from '../../text/json.ts';
import { reasonWithPlace } from '../../text/system-error.ts';

/** Converts a response with another status than 200. `body`: its text, usually a Status of the API server. */
export function refusedRequest(
  answer: Omit<ApiAnswer, 'body'>,
  body: string,
  resource: WatchedResource,
): WatchInput {
  return refusal(answer.status, messageOf(body), answer.retryAfterMs, resource);
}

/** Converts the Status in an ERROR event of a watch. */
export function refusedWatch(status: unknown, resource: WatchedResource): WatchInput {
  const fields = asMapping(status);
  const code = typeof fields?.['code'] === 'number' ? fields['code'] : 0;
  const seconds = asMapping(fields?.['details'])?.['retryAfterSeconds'];
  const message = typeof fields?.['message'] === 'string' ? fields['message'] : '';
  return refusal(code, message, typeof seconds === 'number' ? seconds * 1000 : undefined, resource);
}

/** Converts an error because of which there was no complete response. */
export function unreachable(error: unknown): WatchInput {
  return failure(`the API server cannot be reached: ${describeError(error)}`, { relist: true });
}

/** Returns the failure for an invalid response. `what` describes it, with an article. */
export function unreadable(what: string): WatchInput {
  return failure(`the API server sent ${what}`, { relist: true });
}

function refusal(
  status: number,
  message: string,
  retryAfterMs: number | undefined,
  { plural, group }: WatchedResource,
): WatchInput {
  const detail = message === '' ? '' : `: ${message}`;
  switch (status) {
    case 410:
      return { kind: 'expired' };
    case 401:
      return failure(`the API server does not accept the credentials (401)${detail}`, { relist: false });
    case 403:
      return failure(`the API server forbids the request (403)${detail}`, { relist: false });
    case 404:
      // Not a deletion: an API server also answers 404 during its start, before it has read its CRDs.
      return failure(`the API server has no ${plural}.${group} (404): is the CRD installed?`, {
        relist: true,
        isAbsent: true,
      });
    default:
      return failure(`the API server responds with status ${status}${detail}`, {
        relist: status !== 429 || isStarting(message),
        retryAfterMs,
      });
  }
}

/**
 * An outage (5xx) can end with another store, in which the known version is in the future or invalid. A busy API server
 * (429) still has its store, and a list would cost it more than a watch. But kube-apiserver also answers 429 while it
 * starts: "storage is (re)initializing".
 */
function isStarting(message: string): boolean {
  return message.includes('initializing');
}

function failure(reason: string, rest: Omit<RequestFailure, 'reason'>): WatchInput {
  return { kind: 'failed', failure: { reason, ...rest } };
}

function messageOf(body: string): string {
  const message = asMapping(parseJson(body))?.['message'];
  return typeof message === 'string' ? message.slice(0, 300) : '';
}

/** Returns the reason of an error that a request threw, for people. */
export function describeError(error: unknown): string {
  // The cause of an abort contains its reason.
  if (error instanceof Error && error.name === 'AbortError' && error.cause instanceof Error)
    return describeError(error.cause);
  return reasonWithPlace(error);
}
