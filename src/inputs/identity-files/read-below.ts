import { realpath } from 'node:fs/promises';
import { isAbsolute, sep } from 'node:path';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { blankPrivateKeys } from '../../trust/blank-private-keys.ts';

/** CA certificates are far shorter. */
const longest = 700_000;

/**
 * Reads the CA certificates of a file that a MeshIdentity names. A document could name any file of this machine, so only
 * those below the root are read, after all links are followed.
 * @throws {Error} if it is outside of the root, cannot be read, is too long or has a private key.
 */
export async function readBelow(root: string, path: string): Promise<string> {
  if (!isAbsolute(path) || path.split('/').includes('..'))
    throw new Error('the path is not absolute, or contains ..');
  const [real, realRoot] = [await realpath(path), await realpath(root)];
  const folder = realRoot.endsWith(sep) ? realRoot : `${realRoot}${sep}`;
  if (!real.startsWith(folder)) throw new Error('the file is outside of --identity-root');
  const bytes = await readRegularFile(real);
  if (bytes.length > longest) throw new Error(`the file is longer than ${longest} bytes`);
  blankPrivateKeys(bytes);
  const text = bytes.toString('utf8');
  if (text.includes('PRIVATE KEY')) throw new Error('the file has a private key');
  return text;
}
