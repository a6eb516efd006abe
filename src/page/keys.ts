import { linkTo } from './route.ts';

/** The effect of a key. */
export type KeyAction =
  { readonly kind: 'search' } | { readonly kind: 'help' } | { readonly kind: 'go'; readonly link: string };

/** A key, and its meaning for people. */
export interface KeyHelp {
  readonly key: string;
  readonly meaning: string;
  readonly action: KeyAction;
}

/** All keys of the page, in the order of its help. */
export const keys: readonly KeyHelp[] = [
  { key: '/', meaning: 'Search meshes, CAs and proxies', action: { kind: 'search' } },
  { key: 'o', meaning: 'Overview', action: { kind: 'go', link: linkTo({ kind: 'overview' }) } },
  { key: 'f', meaning: 'Findings', action: { kind: 'go', link: linkTo({ kind: 'findings' }) } },
  { key: 'c', meaning: 'CA certificates, by expiry', action: { kind: 'go', link: linkTo({ kind: 'cas' }) } },
  { key: '?', meaning: 'This help', action: { kind: 'help' } },
];

/** The parts of a keyboard event that matter. */
export type PressedKey = Pick<
  KeyboardEvent,
  'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'repeat' | 'isComposing' | 'defaultPrevented'
>;

/** Returns what a pressed key does. `isInField`: the focus is where keys are text. */
export function actionOf(pressed: PressedKey, isInField: boolean): KeyAction | undefined {
  const { ctrlKey, altKey, metaKey, repeat, isComposing, defaultPrevented } = pressed;
  // Those belong to the browser, the system or a field.
  if (ctrlKey || altKey || metaKey || repeat || isComposing || defaultPrevented || isInField)
    return undefined;
  return keys.find(({ key }) => key === pressed.key)?.action;
}

const stored = 'keys';

/** Returns whether the keys are on in this browser. WCAG 2.2, 2.1.4 demands that they can be turned off. */
export function keysAreOn(): boolean {
  try {
    return localStorage.getItem(stored) !== 'off';
  } catch {
    return true;
  }
}

/** Turns the keys on or off in this browser. */
export function storeKeys(areOn: boolean): void {
  try {
    localStorage.setItem(stored, areOn ? 'on' : 'off');
  } catch {
    // A browser may forbid storage. Then the choice lasts until the page is closed.
  }
}
