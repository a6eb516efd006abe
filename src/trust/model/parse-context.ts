import type { Place } from '../findings/finding.ts';
import type { AnchorReader } from '../x509/anchor-reader.ts';
import type { Limits } from './limits.ts';
import type { Path } from './read-yaml.ts';

/** What a parser needs to know besides the value itself. */
export interface ParseContext {
  readonly file: string;
  /** 1-based line of the value at a path, if the document still knows; of its nearest parent otherwise. */
  readonly lineOf: (path: Path) => number | undefined;
  /** 1-based line of one line inside of a text value, where each of its lines is a line of the file. */
  readonly lineInside: (path: Path, line: number) => number | undefined;
  readonly defaultMesh: string;
  readonly reader: AnchorReader;
  readonly limits?: Limits;
}

/** Where the value at a path of the document is. */
export function placeOf(context: ParseContext, path: Path): Place {
  return {
    file: context.file,
    line: context.lineOf(path),
    path: path.length === 0 ? undefined : pathText(path),
  };
}

/** Keys that a path quotes; another one is content rather than a name. */
const quotable = /^[\w./-]{1,63}$/;

/** `['spec', 'caBundles', 1, 'pem']` as `spec.caBundles[1].pem`. An unusual key is left out: `spec[…]`. */
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
