import { request as requestPlain } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { text } from 'node:stream/consumers';
import type { ApiError, ApiErrorCode } from '../../api/api-types.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { ServerAccess } from './server-options.ts';
import { asMapping, parseJson } from '../../text/json.ts';
import { shapeProblem } from './answer-shape.ts';
import { reasonOf } from '../../text/system-error.ts';
import { mapBounded } from '../../net/map-bounded.ts';
import { responseOf } from '../../net/response-of.ts';

/** Maximum number of concurrent requests to one server. A server accepts 256 connections in total. */
const atOnce = 8;

/** Milliseconds after which a server that does not answer counts as unreachable. */
const patience = 10_000;

/** A server answered with an error. */
export class AnswerError extends CommandError {
  /** Undefined if the answer is not an error of the admin API. */
  readonly apiCode: ApiErrorCode | undefined;
  /** The status of HTTP. */
  readonly status: number;

  constructor(server: string, reason: string, status: number, apiCode?: ApiErrorCode) {
    super(exitCode.negative, `${server} answered: ${reason}`);
    this.status = status;
    this.apiCode = apiCode;
  }
}

/**
 * Sends a request to the admin API of a running server and returns the JSON of the response.
 * @throws {CommandError} (unreachable) if no server answers.
 * @throws {AnswerError} if it answers with an error.
 */
export async function askServer(
  server: ServerAccess,
  method: 'GET' | 'POST',
  path: string,
  signal: AbortSignal,
): Promise<unknown> {
  let wasSent = false;
  const onSent = (): void => void (wasSent = true);
  const { status, answer } = await exchange(server, { method, path, signal, onSent }).catch(
    (error: unknown) => {
      const isUnknown = wasSent && method === 'POST';
      throw new CommandError(
        exitCode.unreachable,
        `${server.name}: the server does not answer: ${causeOf(error)}${isUnknown ? '; it is unknown whether it carried out the request: run the command again' : ''}`,
      );
    },
  );
  if (status >= 200 && status < 300 && answer !== undefined) {
    const problem = shapeProblem(path, answer);
    if (problem === undefined) return answer;
    throw new AnswerError(
      server.name,
      `not as the admin API of this version does: ${problem}; is it the admin API?`,
      status,
    );
  }
  if (isApiError(answer)) throw new AnswerError(server.name, answer.error.message, status, answer.error.code);
  throw new AnswerError(server.name, `HTTP status ${status} without a message; is it the admin API?`, status);
}

interface Sending {
  readonly method: string;
  readonly path: string;
  readonly signal: AbortSignal;
  /** Called once the whole request is sent: after an error without it, the server has not carried out the request. */
  readonly onSent: () => void;
}

async function exchange(
  server: ServerAccess,
  { signal, ...rest }: Sending,
): Promise<{ readonly status: number; readonly answer: unknown }> {
  const { target } = server;
  if (target.kind === 'lost') throw new Error(target.failure);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  const response = await respondedTo({ ...server, target }, { ...rest, signal: limited });
  return { status: response.statusCode ?? 0, answer: parseJson(await text(response)) };
}

/** The address of a server that can be reached. */
type Reachable = Exclude<ServerAccess['target'], { readonly kind: 'lost' }>;

/** Sends one request on a new connection: commands are short, and servers may restart between two requests. */
function respondedTo(
  { target, token, tls }: ServerAccess & { readonly target: Reachable },
  { onSent, ...options }: Sending,
): Promise<IncomingMessage> {
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    // A name that the server accepts as its own.
    ...(target.kind === 'unix' ? { host: 'localhost' } : {}),
  };
  const all = { ...options, headers, agent: false } as const;
  const request: ClientRequest =
    target.kind === 'unix'
      ? requestPlain({ ...all, socketPath: target.path })
      : target.url.protocol === 'https:'
        ? requestTls(target.url, { ...all, ...tls })
        : requestPlain(target.url, all);
  request.on('finish', onSent);
  const responded = responseOf(request);
  request.end();
  return responded;
}

function causeOf(error: unknown): string {
  return reasonOf(error instanceof Error && error.cause instanceof Error ? error.cause : error);
}

function isApiError(answer: unknown): answer is ApiError {
  return typeof asMapping(asMapping(answer)?.['error'])?.['message'] === 'string';
}

/** Calls `work` for all items, at most 8 at a time. Returns the results in the order of the items. */
export function mapFew<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  return mapBounded(items, atOnce, work);
}
