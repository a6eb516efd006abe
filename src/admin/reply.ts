import type { ApiError, ApiErrorCode } from '../api/api-types.ts';
import type { Readiness } from '../trust/ledger/readiness.ts';
import { plainJson, plainLines } from '../text/plain-text.ts';

/** A response before it is written. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The HTTP status of each code. docs/admin-api.md lists them. */
export const errorStatuses = {
  'bad-request': 400,
  'body-not-expected': 413,
  forbidden: 403,
  incomplete: 503,
  internal: 500,
  'method-not-allowed': 405,
  'not-found': 404,
  'too-many-clients': 503,
  unauthorized: 401,
  'unknown-certificate': 404,
  'unknown-mesh': 404,
  'unknown-proxy': 404,
  'wrong-host': 421,
} as const satisfies Record<ApiErrorCode, number>;

/**
 * Returns a value as indented JSON. Characters that steer a terminal, or that are invisible, are escaped: names of
 * files and proxies come from outside, and `curl` prints what it gets.
 */
export function jsonReply(body: object, status = 200, headers?: Reply['headers']): Reply {
  const json = plainJson(JSON.stringify(body, null, 2));
  return { status, contentType: 'application/json', body: `${json}\n`, headers };
}

/** Returns text of several lines. The same characters become spaces. */
export function textReply(contentType: string, text: string): Reply {
  return { status: 200, contentType, body: plainLines(text) };
}

/** Returns the error about a mesh that the server does not know, with the effect once the server is ready. */
export function unknownMesh(
  mesh: string,
  readiness: Readiness | undefined,
  effect = 'its proxies, if any, refuse every client',
): Reply {
  const isRead = readiness === undefined || readiness.kind === 'ready';
  const message = `no MeshTrust has listed mesh ${mesh} since the server started: ${
    isRead ? effect : 'the server has not read all of its sources yet, and answers no new proxy'
  }`;
  return errorReply('unknown-mesh', message);
}

/** Returns an error as JSON, with the status of its code. */
export function errorReply(code: ApiErrorCode, message: string, headers?: Reply['headers']): Reply {
  const error: ApiError = { error: { code, message } };
  return jsonReply(error, errorStatuses[code], headers);
}
