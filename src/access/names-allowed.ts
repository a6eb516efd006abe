import type { ChainCertificate } from './chain-certificate.ts';
import { readLink } from '../trust/verify/link.ts';
import type { Link } from '../trust/verify/link.ts';
import { checkNameConstraints } from '../trust/verify/name-constraints.ts';
import type { Subtree } from '../trust/x509/subject-names.ts';

/** The most comparisons of names with constraints that OpenSSL makes for one certificate. */
const mostComparisons = 2 ** 20;

/**
 * Returns whether the name constraints on a path, from the leaf up, allow the names below them, as in OpenSSL. Few
 * paths have constraints.
 */
export function areNamesAllowed(path: readonly ChainCertificate[]): boolean {
  if (path.every(({ fields }) => fields?.parts.extensions.nameConstraints === undefined)) return true;
  const links = path
    .map(({ der }) => readLink(der))
    .flatMap((read) => (read.kind === 'link' ? [read.link] : []));
  if (links.length !== path.length || !areAddressesAllowed(links)) return false;
  // OpenSSL compares names as the BoringSSL of Envoy 1.36 does. That of 1.40 refuses a host with an underscore, for
  // example, which a trust domain may have. Neither compares IP addresses.
  return checkNameConstraints(links.map(withoutAddresses), '1.36') === undefined;
}

function withoutAddresses(link: Link): Link {
  return { ...link, names: link.names?.filter(({ kind }) => kind !== 'ip') };
}

function areAddressesAllowed(path: readonly Link[]): boolean {
  return path.every((link, index) => {
    // Key roll-over, as for all other names.
    if (index > 0 && link.selfIssued) return true;
    const addresses = (link.names ?? []).flatMap((name) => (name.kind === 'ip' ? [name.bytes] : []));
    return path.slice(index + 1).every((issuer) => areAllowedBelow(issuer, addresses));
  });
}

function areAllowedBelow({ nameConstraints }: Link, addresses: readonly Uint8Array[]): boolean {
  const permitted = ofAddresses(nameConstraints?.permitted);
  const excluded = ofAddresses(nameConstraints?.excluded);
  const all = [...permitted, ...excluded];
  if (addresses.length * all.length > mostComparisons) return false;
  return addresses.every((address) => {
    const isIn = ({ base }: Subtree): boolean => base.kind === 'ip' && isInRange(address, base.bytes);
    const isPermitted = permitted.length === 0 || permitted.some(isIn);
    return isPermitted && !excluded.some(isIn) && !all.some(({ isBounded }) => isBounded);
  });
}

function ofAddresses(subtrees: readonly Subtree[] = []): readonly Subtree[] {
  return subtrees.filter(({ base }) => base.kind === 'ip');
}

/** `range`: an address, and a mask of the same length (RFC 5280, section 4.2.1.10). */
function isInRange(address: Uint8Array, range: Uint8Array): boolean {
  const { length } = address;
  if (range.length !== 2 * length) return false;
  return address.every((byte, index) => {
    const [base = 0, mask = 0] = [range[index], range[length + index]];
    return ((byte ^ base) & mask) === 0;
  });
}
