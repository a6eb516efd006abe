import type { AnchorCertificate, TrustDomainCertificates } from '../../api/certificate-api-types.ts';
import { caNamesLimit, countNames } from '../../trust/bundle/ca-names.ts';
import type { ServedAnchor } from '../../trust/bundle/trust-bundle.ts';
import { origins } from '../../trust/ledger/path-origin.ts';
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

/** The old CA of a rotation, and the CAs that proxies of its mesh get. */
interface OldCa {
  readonly served: readonly TrustDomainCertificates[];
  readonly trustDomain: string;
  /** Fingerprint of the old CA. */
  readonly old: string;
}

/** Returns what the gates need of the new certificate. It gets the place of the old CA among the served ones. */
export function newCaOf(found: FileCertificate, place: OldCa, reader: AnchorReader): NewCa {
  if (found.kind === 'refused') return found;
  const { certificate } = found;
  const fitsBeside = (others: readonly AnchorCertificate[]): boolean => {
    const all = [...others.flatMap(({ pem }) => reader.read(pem)), { kind: 'anchor' as const, certificate }];
    const anchors = all.flatMap((block) =>
      block.kind === 'anchor' ? [{ certificate: block.certificate }] : [],
    );
    return countNames([{ anchors: anchors as unknown as readonly ServedAnchor[] }]).size <= caNamesLimit;
  };
  const names = fitsBeside(place.served.flatMap(({ anchors }) => anchors))
    ? 'fit'
    : fitsBeside(notDisplaced(place))
      ? 'displace-others'
      : 'too-long';
  return { kind: 'usable', ca: certificate, selfSigned: certificate.selfSigned, names };
}

/** Returns the CAs that do not leave the secret of all trust domains for a new CA in the place of the old one. */
function notDisplaced({ served, trustDomain, old }: OldCa): readonly AnchorCertificate[] {
  const all = served.flatMap(({ anchors }) => anchors);
  const replaced = served
    .find(({ name }) => name === trustDomain)
    ?.anchors.find(({ fingerprint }) => fingerprint === old);
  if (replaced === undefined) return all;
  const last = rankOf(replaced);
  return all.filter((anchor) => rankOf(anchor) <= last);
}

/** Returns the rank of a CA if not all fit, as in `fitIntoLimit`: the lowest stays. */
function rankOf({ origin }: AnchorCertificate): number {
  return origins.indexOf(origin ?? 'local');
}
