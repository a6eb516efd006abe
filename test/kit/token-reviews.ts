import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { insecureKubeconfig } from './kubeconfig.ts';

/** An API server that knows only TokenReviews. */
export interface TokenReviews extends AsyncDisposable {
  /** The reviewed tokens, in order. */
  readonly reviewed: readonly string[];
  /** The largest number of reviews at once: of all tokens, and of one token. */
  readonly most: { readonly atOnce: number; readonly ofOneToken: number };
  /** The number of requests for the keys. */
  readonly keyReads: () => number;
  /** The content of a kubeconfig for it. */
  readonly kubeconfig: string;
}

export interface TokenReviewsOptions {
  readonly accepts: (token: string) => boolean;
  /**
   * Returns the JWK Set of the keys that sign tokens. `undefined`: the API server does not publish it, as by default.
   */
  readonly keys?: () => object | undefined;
  /** User name of accepted tokens. */
  readonly user?: string;
  /** Called at each review, which is answered when the promise resolves. */
  readonly before?: (token: string) => Promise<void>;
}

/** Returns a token that is a JSON web token for meshtrust, with an invalid signature. */
export function fakeToken(claims: object): string {
  return `e30.${Buffer.from(JSON.stringify({ aud: ['meshtrust'], ...claims })).toString('base64url')}.c2ln`;
}

/** Signs service account tokens, as an API server does. */
export interface TokenIssuer {
  readonly keyId: string;
  /** The JWK Set with its key. */
  readonly keys: { readonly keys: readonly object[] };
  readonly issue: (claims: object) => string;
}

/** Creates an issuer with a key of its own, which has this ID. */
export function createTokenIssuer(keyId = 'key-1'): TokenIssuer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: keyId })).toString('base64url');
  return {
    keyId,
    keys: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'sig' }] },
    issue(claims) {
      const [, body = ''] = fakeToken(claims).split('.');
      const input = `${header}.${body}`;
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${input}.${signature.toString('base64url')}`;
    },
  };
}

/** Starts an API server on loopback that reviews tokens. */
export async function startTokenReviews({
  accepts,
  keys,
  user = 'system:serviceaccount:edge:envoy',
  before = () => Promise.resolve(),
}: TokenReviewsOptions): Promise<TokenReviews> {
  const reviewed: string[] = [];
  const open = new Map<string, number>();
  const most = { atOnce: 0, ofOneToken: 0 };
  let running = 0;
  let keyReads = 0;

  async function review(token: string, audiences: readonly string[]): Promise<object> {
    const ofToken = (open.get(token) ?? 0) + 1;
    open.set(token, ofToken);
    running += 1;
    most.ofOneToken = Math.max(most.ofOneToken, ofToken);
    most.atOnce = Math.max(most.atOnce, running);
    reviewed.push(token);
    await before(token);
    running -= 1;
    if (ofToken === 1) open.delete(token);
    else open.set(token, ofToken - 1);
    return accepts(token)
      ? { authenticated: true, audiences, user: { username: user } }
      : { error: 'unknown' };
  }

  const server = createServer((request, response) => {
    if (request.method !== 'POST') {
      if (request.url === '/openid/v1/jwks') keyReads += 1;
      const found = request.url === '/openid/v1/jwks' ? keys?.() : undefined;
      return response.writeHead(found === undefined ? 404 : 200).end(JSON.stringify(found ?? {}));
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    return request.on('end', () => {
      const { spec } = JSON.parse(Buffer.concat(chunks).toString()) as {
        readonly spec: { readonly token: string; readonly audiences: readonly string[] };
      };
      void review(spec.token, spec.audiences).then((status) =>
        response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ status })),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    reviewed,
    most,
    keyReads: () => keyReads,
    kubeconfig: insecureKubeconfig(`http://127.0.0.1:${port}`, { token: 'mine' }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
