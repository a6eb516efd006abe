import type { ApiError } from '../admin/api-types.ts';
import { CommandError, exitCode } from './exit-code.ts';

/** Milliseconds after which a server that does not answer counts as not reachable. */
const patience = 10_000;

/**
 * Asks a running server's admin API and returns the JSON that it answers.
 * @throws {CommandError} (unreachable) where no server answers; (negative) where it answers with an error.
 */
export async function askServer(
  server: string,
  method: 'GET' | 'POST',
  path: string,
  signal: AbortSignal,
): Promise<unknown> {
  const url = urlOf(server, path);
  let response: Response;
  try {
    response = await fetch(url, { method, signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]) });
  } catch (error) {
    throw new CommandError(exitCode.unreachable, `no server answers at ${server}: ${causeOf(error)}`);
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer;
  const reason = isApiError(answer)
    ? answer.error.message
    : `status ${response.status} without an explanation`;
  throw new CommandError(exitCode.negative, `${server} answers: ${reason}`);
}

function urlOf(server: string, path: string): URL {
  try {
    return new URL(path, server);
  } catch {
    throw new CommandError(exitCode.usage, `${server} is not a URL; give one such as http://127.0.0.1:5680`);
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch says only that it failed; the reason is below.
  return error.cause instanceof Error ? error.cause.message || String(error.cause) : error.message;
}

function isApiError(answer: unknown): answer is ApiError {
  return typeof answer === 'object' && answer !== null && 'error' in answer;
}
