import { isAbsolute, join } from 'node:path';

import type { DirectoryIo } from './io.ts';
import { swapLink } from './names.ts';
import { isMissing } from '../../text/system-error.ts';

/** Number of symbolic links that Linux follows in one path (path_resolution(7)). It bounds the watches of a path. */
const maxLinks = 40;

/** The symbolic links of a path. */
export interface LinkChain {
  /** The paths of the links, in the order in which they are followed. If one is replaced, the path leads elsewhere. */
  readonly links: readonly string[];
  /**
   * The path without links to which the path leads, as far as its names exist: the last name may be missing.
   * `undefined` if a name cannot be read, or if there are too many links.
   */
  readonly end: string | undefined;
}

/**
 * Returns the chain of an entry of a directory, without the links whose changes the watch of the directory shows: the
 * entry itself, and the link of a mounted ConfigMap.
 */
export async function linksBehind(
  io: Pick<DirectoryIo, 'readlink' | 'realpath'>,
  directory: string,
  name: string,
): Promise<LinkChain> {
  const { links, end } = await resolveLinks(io, directory, name);
  const shown = [join(directory, name), join(directory, swapLink)];
  return { links: links.filter((link) => !shown.includes(link)), end };
}

/**
 * Follows the links of a path like the system, one by one. A relative path starts at `directory`, whose own path has no
 * links. Never throws: opening the path shows why it cannot be read.
 */
export async function resolveLinks(
  io: Pick<DirectoryIo, 'readlink' | 'realpath'>,
  directory: string,
  path: string,
): Promise<LinkChain> {
  const links = new Set<string>();
  let at = isAbsolute(path) ? '/' : directory;
  const rest = path.split('/');
  let followed = 0;
  let mayBeLast = false;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    const next = join(at, name);
    if (name === '' || name === '.' || name === '..') {
      at = next;
      continue;
    }
    // Most chains have one link. Then this is one call instead of one for each name of its target.
    if (mayBeLast && !rest.includes('..')) {
      mayBeLast = false;
      const end = join(next, ...rest);
      if ((await io.realpath(end).catch(() => undefined)) === end) return { links: [...links], end };
    }
    const target = await io.readlink(next).catch((error: unknown) => error as NodeJS.ErrnoException);
    if (typeof target === 'string') {
      followed += 1;
      if (followed > maxLinks) return { links: [...links], end: undefined };
      links.add(next);
      if (isAbsolute(target)) at = '/';
      rest.unshift(...target.split('/'));
      mayBeLast = true;
    } else if (isMissing(target)) return { links: [...links], end: next };
    // Not a link.
    else if (target.code === 'EINVAL') at = next;
    else return { links: [...links], end: undefined };
  }
  return { links: [...links], end: at };
}
