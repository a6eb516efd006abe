import { caNamesLimit, countNames } from '../../trust/bundle/ca-names.ts';
import type { ServedAnchor } from '../../trust/bundle/trust-bundle.ts';
import { encodePem } from '../../trust/pem/encode-pem.ts';
import type { NewCa } from '../../trust/rotation/facts.ts';
import type { AnchorReader } from '../../trust/x509/anchor-reader.ts';
import type { Certificate } from '../../trust/x509/certificate.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { readInput } from '../terminal/read-input.ts';
import { isDer } from './is-der.ts';

/** A CA certificate of a file, or the reason why it cannot be served. */
export type FileCertificate =
  | { readonly kind: 'anchor'; readonly certificate: Certificate; readonly pem: string }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Reads the one CA certificate of a file, in PEM or DER.
 * @throws {CommandError} (usage) if the file cannot be read, or has no or several certificates.
 */
export async function readCaFile(
  file: string,
  reader: AnchorReader,
  io: Pick<CommandIo, 'stdin'>,
): Promise<FileCertificate> {
  const bytes = await readInput(file, io);
  const blocks = reader.read(isDer(bytes) ? encodePem(bytes) : bytes.toString('utf8'));
  const [block] = blocks;
  if (block === undefined || blocks.length > 1)
    throw new CommandError(
      exitCode.usage,
      `${file} must contain one certificate in PEM or DER, and has ${blocks.length}`,
    );
  if (block.kind === 'refused') return { kind: 'refused', reason: block.reason };
  const { certificate } = block;
  return { kind: 'anchor', certificate, pem: encodePem(certificate.der) };
}

/** Returns what the gates need of the new certificate. `served`: the PEM of all CA certificates of the mesh. */
export function newCaOf(found: FileCertificate, served: readonly string[], reader: AnchorReader): NewCa {
  if (found.kind === 'refused') return found;
  const { certificate } = found;
  const all = [...served.flatMap((pem) => reader.read(pem)), { kind: 'anchor' as const, certificate }];
  const anchors = all.flatMap((block) =>
    block.kind === 'anchor' ? [{ certificate: block.certificate }] : [],
  );
  const { size } = countNames([{ anchors: anchors as unknown as readonly ServedAnchor[] }]);
  return { kind: 'usable', ca: certificate, selfSigned: certificate.selfSigned, fits: size <= caNamesLimit };
}
