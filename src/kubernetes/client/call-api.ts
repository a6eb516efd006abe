import type { ApiAnswer, ApiClient, ApiRequest } from './api-client.ts';
import { asMapping, parseJson } from './api-object.ts';
import { readText } from './list-pages.ts';
import { describeError } from './request-failure.ts';
import { timerMs } from '../../xds/timers/timers.ts';

/** What came of a small request: one whose answer is a single object. */
export type ApiReply =
  /** The object, or the Status that says why not. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly object: Readonly<Record<string, unknown>>;
      readonly retryAfterMs: number | undefined;
    }
  /** There is no answer; whether the request was carried out is unknown. */
  | { readonly kind: 'unreachable'; readonly reason: string };

const defaultMs = 5_000;
const longestAnswer = 4 * 2 ** 20;

/** Asks for one object (`string`: the path of a GET), or changes one. Never throws; gives up after `withinMs`. */
export async function callApi(
  client: ApiClient,
  request: string | ApiRequest,
  signal: AbortSignal,
  withinMs: number = defaultMs,
): Promise<ApiReply> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timerMs(withinMs))]);
  try {
    const answer = await (typeof request === 'string'
      ? client.get(request, limited)
      : client.send(request, limited));
    if (answer.status === 401) client.forget();
    return await replyOf(answer);
  } catch (error) {
    // Credentials and addresses may have changed on disk.
    client.forget();
    return { kind: 'unreachable', reason: describeError(error) };
  }
}

/** What the API server says about a refusal, for people. */
export function refusalOf(reply: ApiReply): string {
  if (reply.kind === 'unreachable') return reply.reason;
  const message = reply.object['message'];
  return `${reply.status}${typeof message === 'string' ? `: ${message.slice(0, 300)}` : ''}`;
}

async function replyOf({ status, retryAfterMs, body }: ApiAnswer): Promise<ApiReply> {
  const text = await readText(body, longestAnswer);
  return { kind: 'answered', status, retryAfterMs, object: asMapping(parseJson(text)) ?? {} };
}
