import { serviceAccountOf } from '../../access/identity.ts';
import type { ReviewResult, SettledReview } from '../../access/review.ts';
import { asMapping } from '../../text/json.ts';
import type { ApiClient } from '../client/api-client.ts';
import { callApi, refusalOf } from '../client/call-api.ts';
import type { ApiReply } from '../client/call-api.ts';

/** Sends a token to the API server. */
export type SendReview = (token: string, signal: AbortSignal, withinMs: number) => Promise<ReviewResult>;

const path = '/apis/authentication.k8s.io/v1/tokenreviews';
const podName = 'authentication.kubernetes.io/pod-name';

/**
 * Creates the function that asks the API server about a token (TokenReview). The API server checks the signature, the
 * audience, the expiry, and that the service account and the pod of the token exist.
 */
export function reviewBy(client: ApiClient, audience: string): SendReview {
  return async (token, signal, withinMs) => {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [audience] },
    };
    const reply = await callApi(client, { method: 'POST', path, body }, signal, withinMs);
    return resultOf(reply, audience);
  };
}

function resultOf(reply: ApiReply, audience: string): ReviewResult {
  if (reply.kind === 'unreachable') return { kind: 'unavailable', reason: reply.reason };
  const status = asMapping(reply.object['status']);
  // A status without `authenticated` is an answer, too. A response that is not a TokenReview is not an answer.
  if ((reply.status !== 201 && reply.status !== 200) || status === undefined)
    return { kind: 'unavailable', reason: refusalOf(reply) };
  if (status['authenticated'] !== true) {
    const isForOthers = /audience/.test(textOf(status['error']));
    return isForOthers
      ? refused('audience', `the token is not for the audience ${audience}`)
      : refused('token', 'the API server does not accept the token');
  }
  const audiences: unknown = status['audiences'];
  // An API server that does not know audiences would accept a token that was made for another service.
  if (!Array.isArray(audiences) || !audiences.includes(audience))
    return refused('audience', `the token is not for the audience ${audience}`);
  const user = asMapping(status['user']);
  const account = serviceAccountOf(textOf(user?.['username']), podOf(user?.['extra']));
  return account === undefined
    ? refused('token', 'the token is not of a service account')
    : { kind: 'accepted', account };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function podOf(extra: unknown): string | undefined {
  const names: unknown = asMapping(extra)?.[podName];
  const [name] = Array.isArray(names) ? (names as readonly unknown[]) : [];
  return typeof name === 'string' ? name : undefined;
}

function refused(reason: 'token' | 'audience', message: string): SettledReview {
  return { kind: 'refused', reason, message };
}
