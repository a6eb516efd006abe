import type { ApiError, ApiErrorCode } from '../api/api-types.ts';

/** An answer, before it is written. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const statuses = {
  'bad-request': 400,
  'body-not-expected': 413,
  forbidden: 403,
  incomplete: 503,
  internal: 500,
  'method-not-allowed': 405,
  'not-found': 404,
  'too-many-clients': 503,
  unauthorized: 401,
  'unknown-mesh': 404,
  'unknown-proxy': 404,
  'wrong-host': 421,
} as const satisfies Record<ApiErrorCode, number>;

/** A value as JSON, for programs and, indented, for people. */
export function jsonReply(body: object, status = 200, headers?: Reply['headers']): Reply {
  return { status, contentType: 'application/json', body: `${JSON.stringify(body, null, 2)}\n`, headers };
}

/** An error as JSON, with the status that its code stands for. */
export function errorReply(code: ApiErrorCode, message: string, headers?: Reply['headers']): Reply {
  const error: ApiError = { error: { code, message } };
  return jsonReply(error, statuses[code], headers);
}
