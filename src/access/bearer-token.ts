import { asMapping, parseJson } from '../text/json.ts';

/** A token that may be sent to the API server, or why not. */
export type BearerToken =
  | {
      readonly kind: 'token';
      readonly token: string;
      /** Epoch milliseconds; `undefined` if the token has no such claim. */
      readonly expiresAt: number | undefined;
      /** Time from its issue to its expiry, in ms; `undefined` if it does not say so. */
      readonly lifeMs: number | undefined;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'invalid'; readonly reason: 'token' | 'audience'; readonly message: string };

/** Maximum length of a token, in characters. A service account token has about 1,000. */
const maxLength = 16_384;
const shape = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * Reads the token of the header `authorization`. `Bearer` may be absent: Envoy 1.36 cannot add it to a token that it
 * reads from a file, and Kuma's proxies send none. It costs the API server nothing to refuse a token that is not a JWT,
 * or that says itself that it has expired or is for another audience. The claims are not verified here.
 */
export function readBearerToken(header: string | undefined, audience: string, now: number): BearerToken {
  if (header === undefined) return { kind: 'absent' };
  if (header.length > maxLength + 'Bearer '.length) return invalid('the token is too long');
  const [, token = ''] = /^(?:bearer +)?(\S+)$/i.exec(header) ?? [];
  if (!shape.test(token)) return invalid('the header authorization has no service account token');
  const [head, claims] = token.split('.', 2).map(objectOf);
  if (head === undefined || claims === undefined) return invalid('the token is not a JSON web token');
  const { exp, iat, aud } = claims;
  const expiresAt = typeof exp === 'number' ? exp * 1_000 : undefined;
  if (expiresAt !== undefined && expiresAt <= now) return invalid('the token has expired');
  const audiences = Array.isArray(aud) ? (aud as readonly unknown[]) : [aud];
  if (aud !== undefined && !audiences.includes(audience))
    return invalid(`the token is not for the audience ${audience}`, 'audience');
  const lifeMs = expiresAt !== undefined && typeof iat === 'number' ? expiresAt - iat * 1_000 : undefined;
  return { kind: 'token', token, expiresAt, lifeMs };
}

function objectOf(part: string): Readonly<Record<string, unknown>> | undefined {
  return asMapping(parseJson(Buffer.from(part, 'base64url').toString('utf8')));
}

function invalid(message: string, reason: 'token' | 'audience' = 'token'): BearerToken {
  return { kind: 'invalid', reason, message };
}
