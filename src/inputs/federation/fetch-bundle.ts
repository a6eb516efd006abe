import type { LookupAddress } from 'node:dns';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { checkServerIdentity, createSecureContext, getCACertificates } from 'node:tls';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import { responseOf } from '../../net/response-of.ts';
import { endpointProblem } from '../../trust/federation/endpoint-cas.ts';
import type { FetchFailure } from '../../trust/federation/relationship-status.ts';
import { endpointUrlProblem } from '../../trust/model/parse-federated-trust-domain.ts';
import { after } from '../../xds/timers/timers.ts';
import { describeFailure, FetchError } from './fetch-failure.ts';
import { resolveBySystem } from './host-lookup.ts';
import type { HostLookup } from './host-lookup.ts';
import { isPrivateAddress } from './private-address.ts';

/** How the server is authenticated. */
export type ServerCheck =
  /** `extraCas` (PEM) are trusted beside the roots of Node.js. The same array is read once. */
  | { readonly kind: 'web'; readonly extraCas: readonly string[] }
  /** By its SPIFFE ID; `cas` (PEM) are the CA certificates of the trust domain of that ID. */
  | { readonly kind: 'spiffe'; readonly id: string; readonly cas: readonly string[] };

export interface BundleRequest {
  readonly url: string;
  readonly check: ServerCheck;
  /** Sent as `If-None-Match`. */
  readonly etag?: string | undefined;
  readonly userAgent: string;
  readonly maxBytes: number;
  /** For everything, redirects included, in milliseconds. */
  readonly timeoutMs: number;
  /** True to refuse addresses that are not public. */
  readonly denyPrivate: boolean;
  /** Finds the addresses of hosts. Default: getaddrinfo. */
  readonly lookupHost?: HostLookup | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type BundleResponse =
  | { readonly kind: 'document'; readonly text: string; readonly etag: string | undefined }
  /** The document is the one of the ETag in the request. */
  | { readonly kind: 'unchanged' }
  | ({ readonly kind: 'failed' } & FetchFailure);

/** SPIFFE Federation, section 7.5.1, demands a limit without naming one. */
const maxRedirects = 5;
const redirects: ReadonlySet<unknown> = new Set([301, 302, 303, 307, 308]);
const minVersion = 'TLSv1.2';
/** The longest ETag that is kept. */
const maxEtagLength = 256;

/**
 * Fetches a SPIFFE bundle (SPIFFE Federation, section 5.2). Follows redirects to URLs that satisfy the same rules, with
 * the same checks of the server. Never throws.
 */
export async function fetchBundle(input: BundleRequest): Promise<BundleResponse> {
  const deadline = new AbortController();
  const cancel = after(input.timeoutMs, () => deadline.abort());
  const signal =
    input.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, input.signal]);
  try {
    const first = new URL(input.url);
    let url = first;
    for (let hops = 0; ; hops += 1) {
      const answer = await requestOnce(url, input, { signal, isForeign: url.hostname !== first.hostname });
      if (answer.kind !== 'redirect') return answer;
      if (hops === maxRedirects)
        throw new FetchError('status', `it redirects more than ${maxRedirects} times`);
      url = redirectTarget(answer.location, url);
    }
  } catch (error) {
    const { timeoutMs, check } = input;
    return {
      kind: 'failed',
      ...describeFailure(error, { timedOut: deadline.signal.aborted, timeoutMs, check }),
    };
  } finally {
    cancel();
  }
}

function redirectTarget(location: string | undefined, from: URL): URL {
  const target = location === undefined ? null : URL.parse(location, from);
  const problem = target === null ? 'is missing or no URL' : endpointUrlProblem(target.href);
  if (target === null || problem !== undefined)
    throw new FetchError('status', `it redirects to an address that ${problem}`);
  return target;
}

type Answer = BundleResponse | { readonly kind: 'redirect'; readonly location: string | undefined };

/** The conditions of one request. `isForeign`: no resource names its host. */
interface Hop {
  readonly signal: AbortSignal;
  readonly isForeign: boolean;
}

async function requestOnce(url: URL, input: BundleRequest, hop: Hop): Promise<Answer> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (input.denyPrivate && isIP(host) !== 0 && isPrivateAddress(host))
    throw new FetchError('connect', 'its address is not public (--federation-deny-private)');
  const sent: ClientRequest = request(url, {
    method: 'GET',
    // A new connection each time: a resumed TLS session would not be checked again.
    agent: false,
    signal: hop.signal,
    minVersion,
    // NODE_TLS_REJECT_UNAUTHORIZED must not let anyone give CA certificates to a trust domain.
    rejectUnauthorized: true,
    headers: {
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': input.userAgent,
      ...(input.etag === undefined ? {} : { 'if-none-match': input.etag }),
    },
    lookup: lookupOf(input, hop),
    ...tlsOptions(host, input.check),
  });
  const responded = responseOf(sent);
  sent.end();
  try {
    return await readAnswer(await responded, input);
  } finally {
    sent.destroy();
  }
}

/** By the list of CA certificates. To read the roots of Node.js takes some tens of milliseconds. */
const webContexts = new WeakMap<readonly string[], SecureContext>();

/** Returns the context of connections that trust CA certificates (PEM) beside the roots of Node.js. */
function contextWith(extraCas: readonly string[]): SecureContext {
  const known = webContexts.get(extraCas);
  if (known !== undefined) return known;
  const made = createSecureContext({ ca: [...getCACertificates('default'), ...extraCas], minVersion });
  webContexts.set(extraCas, made);
  return made;
}

/** The type of options of `node:https` leaves the context out, which they pass on to `node:tls`. */
type TlsOptions = RequestOptions & Pick<ConnectionOptions, 'secureContext'>;

function tlsOptions(host: string, check: ServerCheck): TlsOptions {
  // An IP address must not be sent as the name of the server (RFC 6066, section 3).
  const servername = isIP(host) === 0 ? host : '';
  switch (check.kind) {
    case 'web': {
      const { extraCas } = check;
      // Without a name in the handshake, Node.js would check no name at all.
      const named: TlsOptions = {
        servername,
        checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
      };
      return extraCas.length === 0 ? named : { ...named, secureContext: contextWith(extraCas) };
    }
    case 'spiffe':
      return {
        servername,
        ca: [...check.cas],
        // A bundle may contain intermediates.
        allowPartialTrustChain: true,
        checkServerIdentity(_name, { raw }) {
          const problem = endpointProblem(raw, check.id);
          return problem === undefined ? undefined : new FetchError('identity', problem);
        },
      };
  }
}

async function readAnswer(response: IncomingMessage, { etag, maxBytes }: BundleRequest): Promise<Answer> {
  const { statusCode, headers } = response;
  if (redirects.has(statusCode)) return { kind: 'redirect', location: headers.location };
  if (statusCode === 304 && etag !== undefined) return { kind: 'unchanged' };
  if (statusCode !== 200) throw new FetchError('status', `it responds with status ${statusCode}`);
  const text = await readBody(response, maxBytes);
  const newEtag = headers.etag;
  const isUsable = newEtag !== undefined && newEtag.length <= maxEtagLength && /^[\x21-\x7e]+$/.test(newEtag);
  return { kind: 'document', text, etag: isUsable ? newEtag : undefined };
}

/** Returns the lookup of a request, which finds no private addresses if these are denied. */
function lookupOf(
  { denyPrivate, lookupHost = resolveBySystem }: BundleRequest,
  { signal, isForeign }: Hop,
): LookupFunction {
  const addressesOf = async (host: string): Promise<readonly LookupAddress[]> => {
    const addresses = await lookupHost(host, signal, isForeign);
    if (denyPrivate && addresses.some(({ address }) => isPrivateAddress(address)))
      throw new FetchError('connect', 'its address is not public (--federation-deny-private)');
    return addresses;
  };
  return (host, { all }, callback) => {
    addressesOf(host).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) callback(new FetchError('dns', 'it has no address'), '', 0);
        else if (all === true) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, '', 0),
    );
  };
}

/**
 * Reads a response of at most `maxBytes` as UTF-8.
 * @throws {FetchError} if it is longer, compressed, incomplete or not UTF-8.
 */
async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const { headers } = response;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new FetchError('document', 'the response is compressed, which was not asked for');
  const tooLong = (): FetchError =>
    new FetchError('document', `the response is longer than ${maxBytes} bytes (--max-document-bytes)`);
  if (Number(headers['content-length']) > maxBytes) throw tooLong();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw tooLong();
    chunks.push(chunk);
  }
  if (!response.complete) throw new FetchError('document', 'the response is incomplete');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new FetchError('document', 'the response is not UTF-8');
  }
}
