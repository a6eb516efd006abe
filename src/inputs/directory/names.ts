import { resolve } from 'node:path';

const extensions = ['.yaml', '.yml', '.json'] as const;

/** The symbolic link of a mounted ConfigMap or Secret. The kubelet replaces it to publish all files at once. */
export const swapLink = '..data';

/** Returns true if a real path is in a directory to which that link points (`..2026_…`). */
export function isSwapped(path: string): boolean {
  return path.split('/').some((name) => name.length > 2 && name.startsWith('..'));
}

/**
 * Returns true if a directory entry of this name is input: `.yaml`, `.yml` or `.json` in any case. Hidden files are
 * not, nor the temporary files of editors (`.foo.swp`, `foo~`, `#foo#`, vim's probe `4913`).
 */
export function isInputName(name: string): boolean {
  const lower = name.toLowerCase();
  return !isHidden(name) && extensions.some((extension) => lower.endsWith(extension));
}

/**
 * Returns true if a directory of this name is read. Hidden ones are not: `.git`, and the `..2026_…` of a mounted
 * ConfigMap, whose files are read by their visible links. Neither is the `lost+found` of a file system.
 */
export function isFolderName(name: string): boolean {
  return !isHidden(name) && !isInputName(name) && name !== 'lost+found';
}

/**
 * Returns the path of a root. A relative one that begins with a name and a colon becomes absolute: its files would have
 * paths like objects of other sources, such as `federation:default/a.yaml`, and would count as theirs.
 */
export function pathOfRoot(root: string): string {
  return /^[^/]*:/.test(root) ? resolve(root) : root;
}

function isHidden(name: string): boolean {
  return name.startsWith('.') || name.endsWith('~') || (name.startsWith('#') && name.endsWith('#'));
}

/** The reason why an entry of a directory cannot be opened by its name. */
export const notUtf8 = 'its name is not UTF-8';

/** The reason why a symbolic link without a target cannot be read. */
export const danglingLink = 'is a dangling symbolic link';

/** Returns true if a name contains U+FFFD. Node.js replaces bytes that are not UTF-8 by it, and real ones are rare. */
export function hasLostBytes(name: string): boolean {
  return name.includes('\ufffd');
}
