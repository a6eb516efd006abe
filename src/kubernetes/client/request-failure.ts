import type { ApiAnswer } from './api-client.ts';
import { asMapping, parseJson, resource } from './api-object.ts';
import type { RequestFailure, WatchInput } from './watch-types.ts';

const name = `${resource.plural}.${resource.group}`;

/** What an answer other than 200 means. `body` is its text, a Status of the API server if it is well. */
export function refusedRequest(answer: Omit<ApiAnswer, 'body'>, body: string): WatchInput {
  return refusal(answer.status, messageOf(body), answer.retryAfterMs);
}

/** What an ERROR in a watch means: its object is a Status. */
export function refusedWatch(status: unknown): WatchInput {
  const fields = asMapping(status);
  const code = typeof fields?.['code'] === 'number' ? fields['code'] : 0;
  const seconds = asMapping(fields?.['details'])?.['retryAfterSeconds'];
  const message = typeof fields?.['message'] === 'string' ? fields['message'] : '';
  return refusal(code, message, typeof seconds === 'number' ? seconds * 1000 : undefined);
}

/** What it means that there was no answer, or an end in the middle of one. */
export function unreachable(error: unknown): WatchInput {
  return failure(`the API server cannot be reached: ${describeError(error)}`, { relist: true });
}

/** What it means that an answer says something that the API server does not say. */
export function unreadable(what: string): WatchInput {
  return failure(`the API server sent ${what}`, { relist: true });
}

function refusal(status: number, message: string, retryAfterMs: number | undefined): WatchInput {
  const said = message === '' ? '' : `: ${message}`;
  switch (status) {
    case 410:
      return { kind: 'expired' };
    case 401:
      return failure(`the API server does not accept the credentials (401)${said}`, { relist: false });
    case 403:
      return failure(`the API server forbids it (403)${said}`, { relist: false });
    case 404:
      // Not a deletion: an API server that starts says the same before it has read its CRDs.
      return failure(`the API server has no ${name} (404): is the CRD installed?`, { relist: true });
    default:
      return failure(`the API server answers ${status}${said}`, { relist: false, retryAfterMs });
  }
}

function failure(reason: string, rest: Omit<RequestFailure, 'reason'>): WatchInput {
  return { kind: 'failed', failure: { reason, ...rest } };
}

function messageOf(body: string): string {
  const message = asMapping(parseJson(body))?.['message'];
  return typeof message === 'string' ? message.slice(0, 300) : '';
}

/** The reason that is worth telling, of whatever a request threw. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // What was given up says why in its cause.
  if (error.name === 'AbortError' && error.cause instanceof Error) return describeError(error.cause);
  // A name with several addresses that all fail gives an AggregateError without a message.
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}
