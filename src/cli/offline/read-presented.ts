import { decodePem } from '../../trust/pem/decode-pem.ts';
import type { PemBlock } from '../../trust/pem/decode-pem.ts';
import { walkCertificate } from '../../trust/x509/certificate-walk.ts';
import { createCursor, DerError } from '../../trust/x509/der-reader.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { readInput } from '../terminal/read-input.ts';
import { isDer } from './is-der.ts';

/** The certificates that a client sends: its leaf, and the chain after it (DER). */
export interface Presented {
  readonly leaf: Uint8Array;
  readonly chain: readonly Uint8Array[];
}

/**
 * Reads the files of a leaf and its chain, in PEM or DER. Certificates after the leaf in its own file belong to the
 * chain too, as in the files that SPIFFE agents write. Valid blocks with labels that accompany certificates are
 * skipped: private keys, CRLs and so on. Any other block is an error, and so is base64 outside of a block: it may be
 * the damaged leaf, and the certificate after it would be checked in its place.
 * @throws {CommandError} (usage) if a file cannot be read, has such a part or contains no certificate.
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

/**
 * The labels of blocks without certificates, besides keys and CRLs (RFC 7468 and OpenSSL). Only these labels are
 * skipped, because the misspelt forms of CERTIFICATE cannot be listed.
 */
const otherLabels =
  /^-----BEGIN (?:(?:RSA )?PUBLIC KEY|(?:NEW )?CERTIFICATE REQUEST|(?:EC|DH|X9\.42 DH|DSA) PARAMETERS)-----/;

async function readCertificates(file: string, io: Pick<CommandIo, 'stdin'>): Promise<readonly Uint8Array[]> {
  const bytes = await readInput(file, io);
  if (isDer(bytes)) {
    requireWholeDer(bytes, file);
    return [bytes];
  }
  if (bytes.includes(0)) {
    throw new CommandError(
      exitCode.usage,
      `${file} cannot be read: it has NUL bytes, so it is not PEM in UTF-8`,
    );
  }
  const text = bytes.toString('utf8');
  const lines = text.split('\n');
  const certificates: Uint8Array[] = [];
  let line = 1;
  for (const block of decodePem(text)) {
    if (certificates.length === 0) requireNoBase64(lines, line, block.line, file);
    if (block.kind === 'certificate') {
      certificates.push(block.der);
      continue;
    }
    const problem = problemOf(block, lines.slice(block.line - 1, block.nextLine - 1));
    if (problem !== undefined) {
      throw new CommandError(
        exitCode.usage,
        `${file}:${block.line} block ${block.index} cannot be read: ${problem}`,
      );
    }
    line = block.nextLine;
  }
  if (certificates.length === 0) requireNoBase64(lines, line, lines.length + 1, file);
  return certificates;
}

/** Returns why a refused block must not be skipped, if it must not. */
function problemOf(
  { damage, code }: Extract<PemBlock, { kind: 'refused' }>,
  [begin = '', ...body]: readonly string[],
): string | undefined {
  if (damage !== undefined) return damage;
  if (code === 'MT052') return undefined;
  if (code === 'MT010' && !otherLabels.test(begin)) {
    return 'its label is not known; give a block with the label CERTIFICATE';
  }
  return isCertificate(Buffer.from(body.slice(0, -1).join(''), 'base64'))
    ? 'it contains a certificate, but its label is not CERTIFICATE'
    : undefined;
}

function isCertificate(der: Uint8Array): boolean {
  try {
    walkCertificate(der);
    return true;
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

/** Throws if lines from `from` up to `to` (1-based, exclusive), outside of blocks, have base64 of a lost block. */
function requireNoBase64(lines: readonly string[], from: number, to: number, file: string): void {
  const at = findBase64(lines.slice(from - 1, to - 1));
  if (at === undefined) return;
  throw new CommandError(
    exitCode.usage,
    `${file}:${from + at} cannot be read: base64 is outside of a block; put it between BEGIN and END lines or remove it`,
  );
}

/** Throws if the length of the file differs from the length of its DER value: the file is damaged. */
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
  return new CommandError(exitCode.usage, `${file}: contains no certificate in PEM or DER`);
}

/** Base64 with the letters of both cases and a digit or sign, which words, numbers and hex do not have together. */
const base64 = /^(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=[^0-9+/]*[0-9+/])[A-Za-z0-9+][A-Za-z0-9+/]*={0,2}$/;

/** Blanks, the signs of comments and quotes, and line feeds that are written as an escape. */
const separators = /(?:[\s"'`,;#>|]|\\[nr])+/;

/** A piece of this length is base64 on its own; two in a row need to have only `pairLength` each. */
const loneLength = 40;
const pairLength = 16;

/** A line of base64 that may have letters of one case only, as some lines of a certificate do. */
const base64Line = /^\s{0,64}[A-Za-z0-9+/]{8,}={0,2}\s{0,64}$/;

/**
 * Returns the index of the first line that looks like base64 of a certificate: a long piece, or two shorter pieces in a
 * row. Names, dates, paths, fingerprints and the output of `openssl x509 -text` do not look like it.
 */
function findBase64(lines: readonly string[]): number | undefined {
  let at = findPieces(lines);
  while (at !== undefined && base64Line.test(lines[at - 1] ?? '')) at--;
  return at;
}

function findPieces(lines: readonly string[]): number | undefined {
  let previous: number | undefined;
  for (const [index, line] of lines.entries()) {
    for (const piece of line.split(separators)) {
      if (piece === '') continue;
      const isLong = piece.length >= pairLength && base64.test(piece);
      if (isLong && piece.length >= loneLength) return index;
      if (isLong && previous !== undefined) return previous;
      previous = isLong ? index : undefined;
    }
  }
  return undefined;
}
