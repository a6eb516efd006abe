import { resourceVersionOf } from '../../kubernetes/client/api-object.ts';
import type { WatchedResource } from '../../kubernetes/client/api-object.ts';
import { refusedWatch, unreadable } from '../../kubernetes/client/request-failure.ts';
import type { WatchChange, WatchInput } from '../../kubernetes/client/watch-types.ts';
import { asMapping, parseJson } from '../../text/json.ts';

/** Maximum length of an event. etcd accepts objects up to 1.5 MiB, and escapes make JSON longer. */
const maxLineLength = 16 * 2 ** 20;

/**
 * Creates a function that splits a stream of text into lines. It returns the lines that the given piece completes. An
 * incomplete line at the end of the stream is not returned.
 */
export function createLineSplitter(limit: number = maxLineLength): (piece: string) => readonly string[] {
  let parts: string[] = [];
  let length = 0;
  return (piece) => {
    const lines = piece.split('\n');
    const rest = lines.pop() ?? '';
    if (lines.length > 0) {
      lines[0] = parts.join('') + lines[0];
      parts = [];
      length = 0;
    }
    parts.push(rest);
    length += rest.length;
    if (length > limit) throw new RangeError(`a line of more than ${limit} characters`);
    return lines.filter((line) => line !== '');
  };
}

/** The content of some lines of a watch. */
export interface WatchPiece {
  /** The changes, in order. */
  readonly changes: readonly WatchChange[];
  /** The input that ends the watch, if any. */
  readonly end: WatchInput | undefined;
}

/**
 * Parses the lines of a watch: ADDED, MODIFIED, DELETED, BOOKMARK, ERROR (Kubernetes API concepts, "Efficient detection
 * of changes").
 */
export function readWatchLines(lines: readonly string[], resource: WatchedResource): WatchPiece {
  const changes: WatchChange[] = [];
  for (const line of lines) {
    const read = readLine(line, resource);
    if (read.kind === 'end') return { changes, end: read.input };
    changes.push(read.change);
  }
  return { changes, end: undefined };
}

type Line =
  | { readonly kind: 'change'; readonly change: WatchChange }
  | { readonly kind: 'end'; readonly input: WatchInput };

function readLine(line: string, resource: WatchedResource): Line {
  const event = asMapping(parseJson(line));
  const type = event?.['type'];
  const value = event?.['object'];
  if (type === 'ERROR') return { kind: 'end', input: refusedWatch(value, resource) };
  const resourceVersion = resourceVersionOf(value);
  if (resourceVersion === undefined) return broken('a change without a resource version');
  if (type === 'BOOKMARK') return { kind: 'change', change: { kind: 'bookmark', resourceVersion } };
  const object = resource.read(value);
  if (object === undefined) return broken('a change of an object without a name');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'change', change: { kind: 'put', object, resourceVersion } };
    case 'DELETED':
      return { kind: 'change', change: { kind: 'deleted', path: object.path, resourceVersion } };
    default:
      return broken('a change of an unknown type');
  }
}

function broken(what: string): Line {
  return { kind: 'end', input: unreadable(what) };
}
