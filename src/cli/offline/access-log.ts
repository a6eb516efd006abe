import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import { countIssuers } from '../../trust/rotation/observe-issuers.ts';
import type { SeenIssuers } from '../../trust/rotation/observe-issuers.ts';
import type { Observation } from '../../trust/rotation/facts.ts';
import type { AnchorReader } from '../../trust/x509/anchor-reader.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { isPipe, isReadOnce, openPipe, standardInput } from '../terminal/read-input.ts';
import type { InputIo } from '../terminal/read-input.ts';
import { reasonOf } from '../../text/system-error.ts';

/**
 * Counts the issuers in an access log, or in standard input (`-`), line by line.
 * @throws {CommandError} (usage) if it cannot be read; (negative) if it is interrupted.
 */
export async function readAccessLog(path: string, io: InputIo): Promise<SeenIssuers> {
  const count = countIssuers(Date.now());
  try {
    const input = await openLog(path, io);
    const lines = createInterface({ input, crlfDelay: Infinity, signal: io.signal });
    for await (const line of lines) count.add(line);
    // The signal ends the lines, but not the input, which would keep the process alive.
    if (io.signal?.aborted === true) input.destroy();
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(exitCode.usage, `${path} cannot be read: ${reasonOf(error)}`);
  }
  if (io.signal?.aborted === true) throw new CommandError(exitCode.negative, 'interrupted');
  return count.result();
}

async function openLog(path: string, { stdin }: InputIo): Promise<Readable> {
  if (path !== standardInput) return (await isPipe(path)) ? openPipe(path) : createReadStream(path);
  if (stdin === undefined) throw new CommandError(exitCode.usage, '-: the command has no standard input');
  // The lines of a stream that has ended never end.
  if (stdin.readableEnded || stdin.destroyed)
    throw new CommandError(exitCode.usage, '-: the standard input was read already; give - once');
  return stdin;
}

/**
 * Returns a function that counts the issuers in an access log again at each call. What a pipe had counts for all calls:
 * it can be read only once.
 */
export function followAccessLog(path: string, io: InputIo): () => Promise<SeenIssuers> {
  let ofPipe: Promise<SeenIssuers> | undefined;
  return async () => {
    if (ofPipe !== undefined) return ofPipe;
    const reading = (await isReadOnce(path)) ? (ofPipe = readAccessLog(path, io)) : readAccessLog(path, io);
    return reading;
  };
}

/**
 * Returns when each listed CA was last seen. Envoy has the certificates as it got them, so the fingerprint of one that
 * is served in another form is replaced by that of the listed certificate.
 */
export function observationOf(
  { issuers, beyond }: SeenIssuers,
  certificates: MeshCertificates | undefined,
  reader: AnchorReader,
): Observation {
  const listed = new Map(
    (certificates?.trustDomains ?? []).flatMap(({ anchors }) =>
      anchors.flatMap(({ fingerprint, pem }) =>
        reader
          .read(pem)
          .flatMap((block) =>
            block.kind === 'anchor' ? [[block.certificate.fingerprint, fingerprint] as const] : [],
          ),
      ),
    ),
  );
  const served = new Set(listed.values());
  const lastSeen = new Map<string, number>();
  // Issuers that were not counted may have been seen at any time.
  let unknownAt = beyond > 0 ? Infinity : undefined;
  for (const { fingerprint, lastSeen: at } of issuers) {
    const name = listed.get(fingerprint) ?? fingerprint;
    lastSeen.set(name, Math.max(at, lastSeen.get(name) ?? -Infinity));
    if (!served.has(name)) unknownAt = Math.max(at, unknownAt ?? at);
  }
  return { lastSeen, unknownAt };
}
