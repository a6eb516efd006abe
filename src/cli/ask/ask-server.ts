import { request as requestPlain } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import { text } from 'node:stream/consumers';
import type { ApiError, ApiErrorCode } from '../../api/api-types.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { ServerAccess } from './server-options.ts';

/** Milliseconds after which a server that does not answer counts as not reachable. */
const patience = 10_000;

/** What a server answered instead of what it was asked. */
export class AnswerError extends CommandError {
  /** Undefined where the answer is not this API's. */
  readonly apiCode: ApiErrorCode | undefined;

  constructor(server: string, reason: string, apiCode: ApiErrorCode | undefined) {
    super(exitCode.negative, `${server} answers: ${reason}`);
    this.apiCode = apiCode;
  }
}

/**
 * Asks a running server's admin API and returns the JSON that it answers.
 * @throws {CommandError} (unreachable) where no server answers.
 * @throws {AnswerError} where it answers with an error.
 */
export async function askServer(
  server: ServerAccess,
  method: 'GET' | 'POST',
  path: string,
  signal: AbortSignal,
): Promise<unknown> {
  const { status, answer } = await exchange(server, method, path, signal).catch((error: unknown) => {
    throw new CommandError(exitCode.unreachable, `no server answers at ${server.name}: ${causeOf(error)}`);
  });
  if (status >= 200 && status < 300 && answer !== undefined) return answer;
  if (isApiError(answer)) throw new AnswerError(server.name, answer.error.message, answer.error.code);
  throw new AnswerError(server.name, `status ${status} without an explanation`, undefined);
}

async function exchange(
  server: ServerAccess,
  method: string,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly answer: unknown }> {
  const response = await respondedTo(server, {
    method,
    path,
    signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
  });
  return { status: response.statusCode ?? 0, answer: parse(await text(response)) };
}

/** One request with a connection of its own: commands are short, and servers may restart between two. */
function respondedTo(
  { target, token, tls }: ServerAccess,
  options: Pick<RequestOptions, 'method' | 'path' | 'signal'>,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    // What the server takes for its own name.
    ...(target.kind === 'unix' ? { host: 'localhost' } : {}),
  };
  const all = { ...options, headers, agent: false } as const;
  const request: ClientRequest =
    target.kind === 'unix'
      ? requestPlain({ ...all, socketPath: target.path })
      : target.url.protocol === 'https:'
        ? requestTls(target.url, { ...all, ...tls })
        : requestPlain(target.url, all);
  request.on('response', resolve).on('error', reject).end();
  return promise;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several addresses were tried: each has its own reason, and the first says enough.
  const [first] = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [];
  if (first instanceof Error) return first.message;
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function isApiError(answer: unknown): answer is ApiError {
  return typeof answer === 'object' && answer !== null && 'error' in answer;
}
