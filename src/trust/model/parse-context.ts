import type { Place } from '../findings/finding.ts';
import type { AnchorReader } from '../x509/anchor-reader.ts';
import type { Limits } from './limits.ts';
import type { Path } from './read-yaml.ts';

/** The input of a parser besides the value itself. */
export interface ParseContext {
  readonly file: string;
  /** Returns the 1-based line of the value at a path, or of its nearest parent with a known line. */
  readonly lineOf: (path: Path) => number | undefined;
  /** Returns the 1-based line, in the file, of one line of a text value that spans several lines. */
  readonly lineInside: (path: Path, line: number) => number | undefined;
  readonly defaultMesh: string;
  readonly reader: AnchorReader;
  readonly limits?: Limits;
}

/** Returns the place of the value at a path of the document. */
export function placeOf(context: ParseContext, path: Path): Place {
  return {
    file: context.file,
    line: context.lineOf(path),
    path: path.length === 0 ? undefined : pathText(path),
  };
}

/** Keys that a path quotes. Any other key is content rather than a name. */
const quotable = /^[\w./-]{1,63}$/;

/** Formats `['spec', 'caBundles', 1, 'pem']` as `spec.caBundles[1].pem`. An unusual key is omitted: `spec[…]`. */
export function pathText(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      if (!quotable.test(part)) return '[…]';
      if (!/^\w+$/.test(part)) return `[${JSON.stringify(part)}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join('');
}
