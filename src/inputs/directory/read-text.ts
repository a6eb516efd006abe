import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';

import { sameVersion } from './file-state.ts';
import type { Version } from './file-state.ts';
import type { DirectoryIo, OpenFile } from './io.ts';

/** How often a file that changes while it is read is read again before a torn text is accepted. */
const attempts = 4;

/** The text of a file and the version it belongs to, or why there is none. */
export type TextReading =
  | {
      readonly kind: 'text';
      readonly version: Version;
      readonly text: string;
      /** SHA-256 of the bytes. */
      readonly hash: string;
      /** False when the file changed under every attempt: the text may be of no version at all. */
      readonly whole: boolean;
    }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Reads a regular UTF-8 file of at most `maxBytes`. Rejects with the system's error where `open` fails. */
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
  // One byte more than it should have, so that growth shows.
  const buffer = Buffer.allocUnsafe(Number(before.size) + 1);
  const length = await file.read(buffer);
  const after = file.stat();
  const bytes = buffer.subarray(0, length);
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

/** The fields that are kept of a `stat`. */
export function versionOf(stat: Version): Version {
  const { dev, ino, size, mtimeNs, ctimeNs } = stat;
  return { dev, ino, size, mtimeNs, ctimeNs };
}
