const extensions = ['.yaml', '.yml', '.json'] as const;

/** The symbolic link that a mounted ConfigMap or Secret swaps to publish all its files at once. */
export const swapLink = '..data';

/** Whether a real path is in one of the directories between which that link is swapped (`..2026_…`). */
export function isSwapped(path: string): boolean {
  return path.split('/').some((name) => name.length > 2 && name.startsWith('..'));
}

/**
 * Whether a directory entry of this name is input: `.yaml`, `.yml` or `.json` in any case, and neither hidden nor what
 * an editor leaves beside the file (`.foo.swp`, `foo~`, `#foo#`, vim's probe `4913`).
 */
export function isInputName(name: string): boolean {
  const lower = name.toLowerCase();
  return !isHidden(name) && extensions.some((extension) => lower.endsWith(extension));
}

/**
 * Whether a directory of this name is descended into. Hidden ones are not (`.git`, and the `..2026_…` of a
 * mounted ConfigMap, whose files are read through their visible links), nor what `mkfs` makes for itself.
 */
export function isFolderName(name: string): boolean {
  return !isHidden(name) && !isInputName(name) && name !== 'lost+found';
}

function isHidden(name: string): boolean {
  return name.startsWith('.') || name.endsWith('~') || (name.startsWith('#') && name.endsWith('#'));
}

/** Why an entry of a directory cannot be reached by its name. */
export const notUtf8 = 'its name is not UTF-8';

/** Whether a name has the character that Node.js puts in place of bytes that are not UTF-8. A real one is rare. */
export function hasLostBytes(name: string): boolean {
  return name.includes('\ufffd');
}
