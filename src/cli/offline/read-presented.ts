import { decodePem } from '../../trust/pem/decode-pem.ts';
import { createCursor, DerError } from '../../trust/x509/der-reader.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { readInput } from '../terminal/read-input.ts';

/** What a client shows: DER of its own certificate, and of what it sends after that. */
export interface Presented {
  readonly leaf: Uint8Array;
  readonly chain: readonly Uint8Array[];
}

/** First byte of a certificate in DER; no PEM text begins with it. */
const sequence = 0x30;

/**
 * Reads the files of a leaf and of its chain, in PEM or DER. What follows the leaf in its own file is its chain
 * too, as in the files that SPIFFE agents write. Private keys, CRLs and blocks with other labels are skipped. A
 * damaged block is not: the certificate after it would be checked in its place.
 * @throws {CommandError} (usage) for a file that cannot be read, has a damaged block or holds no certificate.
 */
export async function readPresented(
  leafFile: string,
  chainFile: string | undefined,
  io: Pick<CommandIo, 'stdin'>,
): Promise<Presented> {
  const [leaf, ...rest] = await readCertificates(leafFile, io);
  if (leaf === undefined) throw noCertificate(leafFile);
  const chain = chainFile === undefined ? [] : await readCertificates(chainFile, io);
  if (chainFile !== undefined && chain.length === 0) throw noCertificate(chainFile);
  return { leaf, chain: [...rest, ...chain] };
}

/** Labels that a certificate can have beside `CERTIFICATE`: such a block must not be skipped either. */
const otherCertificateLabels = /-----BEGIN (?:X509|TRUSTED) CERTIFICATE-----/;

async function readCertificates(file: string, io: Pick<CommandIo, 'stdin'>): Promise<readonly Uint8Array[]> {
  const bytes = await readInput(file, io);
  if (bytes[0] === sequence) {
    requireWholeDer(bytes, file);
    return [bytes];
  }
  const text = bytes.toString('utf8');
  const lines = text.split('\n');
  return decodePem(text).flatMap((block) => {
    if (block.kind === 'certificate') return [block.der];
    const isCertificate = otherCertificateLabels.test(lines[block.line - 1] ?? '');
    if (block.code !== 'MT013' && !isCertificate) return [];
    throw new CommandError(
      exitCode.usage,
      `${file}:${block.line} block ${block.index} cannot be read: ${block.reason}`,
    );
  });
}

/** Throws if the file is longer or shorter than the DER value in it says: it was damaged on its way. */
function requireWholeDer(bytes: Uint8Array, file: string): void {
  try {
    const cursor = createCursor(bytes, 0, bytes.length);
    cursor.any('the certificate');
    cursor.done('the certificate');
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new CommandError(exitCode.usage, `${file} cannot be read: ${error.message}`);
  }
}

function noCertificate(file: string): CommandError {
  return new CommandError(exitCode.usage, `${file} holds no certificate in PEM or DER`);
}
