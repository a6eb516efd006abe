import { decodePem } from '../pem/decode-pem.ts';
import { CommandError, exitCode } from './exit-code.ts';
import { readInput } from './read-input.ts';

/** What a client shows: DER of its own certificate, and of what it sends after that. */
export interface Presented {
  readonly leaf: Uint8Array;
  readonly chain: readonly Uint8Array[];
}

/** First byte of a certificate in DER; no PEM text begins with it. */
const sequence = 0x30;

/**
 * Reads the files of a leaf and of its chain, in PEM or DER. What follows the leaf in its own file is its chain
 * too, as in the files that SPIFFE agents write; blocks that are no certificates, such as its key, are passed over.
 * @throws {CommandError} (usage) for a file that cannot be read or holds no certificate.
 */
export async function readPresented(leafFile: string, chainFile: string | undefined): Promise<Presented> {
  const [leaf, ...rest] = await readCertificates(leafFile);
  if (leaf === undefined) throw noCertificate(leafFile);
  const chain = chainFile === undefined ? [] : await readCertificates(chainFile);
  if (chainFile !== undefined && chain.length === 0) throw noCertificate(chainFile);
  return { leaf, chain: [...rest, ...chain] };
}

async function readCertificates(file: string): Promise<readonly Uint8Array[]> {
  const bytes = await readInput(file);
  if (bytes[0] === sequence) return [bytes];
  const blocks = decodePem(bytes.toString('utf8'));
  return blocks.flatMap((block) => (block.kind === 'certificate' ? [block.der] : []));
}

function noCertificate(file: string): CommandError {
  return new CommandError(exitCode.usage, `${file} holds no certificate in PEM or DER`);
}
