/** Which files load a file. Pure. */
import { posix } from 'node:path';

/**
 * Returns the paths that a module imports, relative to the root. Imports of types load nothing. A path that is not
 * written out, such as that of a program that a test starts, is not found.
 */
export function importsOf(file: string, text: string): readonly string[] {
  const specifiers = text.matchAll(
    /^(?:import|export) (?!type )[^'"]*?'(\.[^']+)';|\bimport\(\s*'(\.[^']+)'/gm,
  );
  return [...specifiers].map(([, fixed, loaded]) => posix.join(posix.dirname(file), fixed ?? loaded ?? ''));
}

/** Returns all files that load `file`, directly or by others, the nearest first. `imports` has the imports by file. */
export function filesThatLoad(
  file: string,
  imports: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> {
  const found = new Set([file]);
  // A set can grow while it is walked through.
  for (const one of found) for (const [from, to] of imports) if (to.includes(one)) found.add(from);
  return found;
}
