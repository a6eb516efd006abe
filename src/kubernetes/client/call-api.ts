import type { ApiAnswer, ApiClient, ApiRequest } from './api-client.ts';
import { readText } from './list-pages.ts';
import { describeError } from './request-failure.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import { asMapping, parseJson } from '../../text/json.ts';

/** The outcome of a request whose response is a single object. */
export type ApiReply =
  /** `object` is the object, or the Status that explains an error. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly object: Readonly<Record<string, unknown>>;
      readonly retryAfterMs: number | undefined;
    }
  /** There was no response. If the request was sent, it is unknown whether the API server carried it out. */
  | { readonly kind: 'unreachable'; readonly reason: string; readonly wasSent: boolean };

const defaultMs = 5_000;
/** The limit for one object: etcd accepts 1.5 MiB, and escapes make JSON longer. */
const defaultLength = 4 * 2 ** 20;

/**
 * Reads one object (`string`: the path of a GET), or changes one. Never throws. Gives up after `withinMs`, and if the
 * response has more than `maxLength` characters.
 */
export async function callApi(
  client: ApiClient,
  request: string | ApiRequest,
  signal: AbortSignal,
  withinMs: number = defaultMs,
  maxLength: number = defaultLength,
): Promise<ApiReply> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timerMs(Math.ceil(withinMs)))]);
  let wasSent = false;
  try {
    const answer = await (typeof request === 'string'
      ? client.get(request, limited)
      : client.send(request, limited, () => (wasSent = true)));
    if (answer.status === 401) client.forget();
    return await replyOf(answer, maxLength);
  } catch (error) {
    // The credentials and the address in the kubeconfig may have changed.
    client.forget();
    return { kind: 'unreachable', reason: describeError(error), wasSent };
  }
}

/** Describes a failed request: the status and the message of the API server, or why there was no response. */
export function refusalOf(reply: ApiReply): string {
  if (reply.kind === 'unreachable') return reply.reason;
  const message = reply.object['message'];
  return `${reply.status}${typeof message === 'string' ? `: ${message.slice(0, 300)}` : ''}`;
}

async function replyOf({ status, retryAfterMs, body }: ApiAnswer, maxLength: number): Promise<ApiReply> {
  const text = await readText(body, maxLength);
  // The beginning of a JSON text is not JSON, and would count as an object without fields.
  if (text.length > maxLength) throw new Error(`its response is longer than ${maxLength} characters`);
  return { kind: 'answered', status, retryAfterMs, object: asMapping(parseJson(text)) ?? {} };
}
