import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';

import { blankPrivateKeys } from '../../trust/blank-private-keys.ts';
import { sameVersion } from './file-state.ts';
import type { Version } from './file-state.ts';
import type { DirectoryIo, OpenFile } from './io.ts';

/** Maximum number of reads of a file that changes during each of them. Then a torn text is returned. */
const attempts = 4;

/** The text of a file with its version, or the reason why it cannot be read. */
export type TextReading =
  | {
      readonly kind: 'text';
      readonly version: Version;
      readonly text: string;
      /** SHA-256 of the bytes. */
      readonly hash: string;
      /** False if the file changed during every attempt. Then the text may mix several versions. */
      readonly whole: boolean;
    }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Reads a regular UTF-8 file of at most `maxBytes`. Rejects with the error of the system if `open` fails. */
export async function readText(io: DirectoryIo, path: string, maxBytes: number): Promise<TextReading> {
  const file = await io.open(path);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const reading = await readOnce(file, maxBytes);
      if (reading.kind === 'unreadable' || reading.whole || attempt === attempts) return reading;
    }
  } finally {
    file.close();
  }
}

async function readOnce(file: OpenFile, maxBytes: number): Promise<TextReading> {
  const before = file.stat();
  if (before.isDirectory()) return { kind: 'unreadable', reason: 'is a directory' };
  if (!before.isFile()) return { kind: 'unreadable', reason: 'is not a regular file' };
  if (before.size > BigInt(maxBytes)) {
    return { kind: 'unreadable', reason: `is ${before.size} bytes long; the limit is ${maxBytes}` };
  }
  // One byte more than the size, to detect that the file grows.
  const buffer = Buffer.allocUnsafe(Number(before.size) + 1);
  const length = await file.read(buffer);
  const after = file.stat();
  const bytes = buffer.subarray(0, length);
  blankPrivateKeys(bytes);
  const whole = sameVersion(before, after) && before.size === BigInt(length);
  if (whole && !isUtf8(bytes)) return { kind: 'unreadable', reason: 'is not UTF-8' };
  return {
    kind: 'text',
    version: versionOf(before),
    text: bytes.toString('utf8'),
    hash: hash('sha256', bytes, 'base64'),
    whole,
  };
}

/** Returns the fields of a `stat` that identify a version. */
function versionOf(stat: Version): Version {
  const { dev, ino, size, mtimeNs, ctimeNs } = stat;
  return { dev, ino, size, mtimeNs, ctimeNs };
}
