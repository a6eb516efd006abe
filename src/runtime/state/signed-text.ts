import type { StateKey } from './state-key.ts';

/** Returns the text of a state file: a line with the checksum of the body, and the body, which must be one line. */
export function signedText(body: string, key: StateKey): string {
  return `${key.sign(body)}\n${body}\n`;
}

/**
 * Returns the body of a text that `signedText` made.
 * @throws {Error} if it is not whole, or was not made with this key.
 */
export function verifiedBody(text: string, key: StateKey): string {
  const [checksum = '', body = ''] = text.split('\n');
  if (!key.verify(body, checksum))
    throw new Error('its checksum does not match: it is damaged, or was not written here');
  return body;
}
