import http from 'node:http';
import https from 'node:https';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { responseOf } from '../../net/response-of.ts';
import { parseJson } from '../../text/json.ts';

/** How the REST API is reached. The files are read for each request, so that they can be replaced. */
export interface RestAccess {
  readonly url: string;
  /** A file with a token of a user. */
  readonly tokenFile: string | undefined;
  /** A file of CA certificates (PEM) that the certificate of the server must be from. */
  readonly ca: string | undefined;
}

/** A response, parsed. */
export interface RestAnswer {
  readonly status: number;
  /** `undefined` if it is not JSON. */
  readonly body: unknown;
  /** The length of the response, in bytes. */
  readonly length: number;
}

export interface RestClient {
  /**
   * Sends a GET. Redirects are not followed, because the token would go along.
   * @throws {TooLong} if the response is longer than the limit.
   * @throws {Error} if there is no complete response.
   */
  get(path: string, signal: AbortSignal): Promise<RestAnswer>;
  close(): void;
}

/** Maximum length of a response, in bytes. */
export const maxBytes = 64 * 1024 * 1024;

/** The error of a response above the limit. */
export class TooLong extends Error {
  constructor() {
    super(`the response is longer than ${maxBytes} bytes`);
  }
}

export function createRestClient({ url, tokenFile, ca }: RestAccess): RestClient {
  const isSecure = new URL(url).protocol === 'https:';
  const agent = isSecure ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });
  const base = url.replace(/\/+$/, '');
  return {
    async get(path, signal) {
      const token =
        tokenFile === undefined ? undefined : (await readRegularFile(tokenFile)).toString('utf8').trim();
      const options: https.RequestOptions = {
        agent,
        signal,
        // NODE_TLS_REJECT_UNAUTHORIZED must not let anyone vouch for zones.
        rejectUnauthorized: true,
        headers: {
          accept: 'application/json',
          'user-agent': 'meshtrust',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(ca === undefined ? {} : { ca: await readRegularFile(ca) }),
      };
      const { status, bytes } = await answerOf((isSecure ? https : http).request(`${base}${path}`, options));
      return { status, body: parseJson(bytes.toString('utf8')), length: bytes.length };
    },
    close: () => agent.destroy(),
  };
}

async function answerOf(
  request: http.ClientRequest,
): Promise<{ readonly status: number; readonly bytes: Buffer }> {
  const responded = responseOf(request);
  request.end();
  const response = await responded;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new TooLong();
    chunks.push(chunk);
  }
  if (!response.complete) throw new Error('the response is incomplete');
  return { status: response.statusCode ?? 0, bytes: Buffer.concat(chunks) };
}
