import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';

type Method = 'GET' | 'POST';

/** A path and the function that answers it. A `{name}` in the pattern is one segment, passed decoded. */
export interface Route {
  readonly method: Method;
  readonly pattern: string;
  readonly answer: (parameters: readonly string[], query: URLSearchParams) => Reply | Promise<Reply>;
}

/** Returns the response to a request: HEAD as GET, and 404 or 405 if no route matches. */
export function route(routes: readonly Route[], method: string, target: string): Reply | Promise<Reply> {
  // Only the first question mark separates: the rest of the target would be lost, and with it a part of a selection.
  const end = target.indexOf('?');
  const [path, query] = end === -1 ? [target, ''] : [target.slice(0, end), target.slice(end + 1)];
  const matches = routes.flatMap((candidate) => {
    const parameters = match(candidate.pattern, path);
    return parameters === undefined ? [] : [{ candidate, parameters }];
  });
  if (matches.length === 0) return errorReply('not-found', `there is nothing at ${path}`);
  const wanted = method === 'HEAD' ? 'GET' : method;
  const found = matches.find(({ candidate }) => candidate.method === wanted);
  if (found === undefined) {
    const allowed = matches.flatMap(({ candidate }) =>
      candidate.method === 'GET' ? ['GET', 'HEAD'] : [candidate.method],
    );
    const allow = allowed.join(', ');
    return errorReply('method-not-allowed', `${path} takes ${allow} only`, { Allow: allow });
  }
  const parameters = found.parameters.map(decode);
  if (!parameters.every((parameter) => parameter !== undefined)) {
    return errorReply('bad-request', 'the path is not percent-encoded UTF-8');
  }
  return found.candidate.answer(parameters, new URLSearchParams(query));
}

/** Returns the segments of the parameters, still encoded; undefined if the path does not match. */
function match(pattern: string, path: string): readonly string[] | undefined {
  const [expected, actual] = [pattern.split('/'), path.split('/')];
  if (expected.length !== actual.length) return undefined;
  const parameters: string[] = [];
  for (const [index, segment] of expected.entries()) {
    const given = actual[index] ?? '';
    if (segment.startsWith('{')) {
      if (given === '') return undefined;
      parameters.push(given);
    } else if (segment !== given) return undefined;
  }
  return parameters;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
