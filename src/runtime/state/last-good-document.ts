import type { Grant } from '../../trust/ledger/entry.ts';
import type { Place } from '../../trust/findings/finding.ts';
import type { Share } from '../../trust/ledger/share.ts';
import type { Identity, MeshTrust, TrustAnchor, TrustDomain } from '../../trust/model/mesh-trust.ts';
import { parseTrustDomain } from '../../trust/model/trust-domain.ts';
import { encodePem } from '../../trust/pem/encode-pem.ts';
import type { AnchorReader } from '../../trust/x509/anchor-reader.ts';
import { reasonOf } from '../../text/system-error.ts';
import { signedText } from './signed-text.ts';
import type { StateKey } from './state-key.ts';

/** The grants of one path of a source in its last good state. */
export interface LastGood {
  readonly source: string;
  readonly path: string;
  readonly grants: readonly Grant[];
}

/** A last good state as it was read from disk. */
export interface RestoredState extends LastGood {
  /** What this version of the program no longer accepts, with the reasons. It is left out of `grants`. */
  readonly refusals: readonly string[];
  /** False if a resource was left out. The source would not give a certificate that is not accepted either. */
  readonly isWhole: boolean;
}

/** A place in the file, for findings. Earlier versions of the program wrote none. */
type StoredPlace = Pick<Place, 'line' | 'path' | 'block'>;

interface StoredShare {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly pem: string;
  /** The place of each certificate. */
  readonly places?: readonly StoredPlace[] | undefined;
}

interface StoredGrant {
  readonly resource: Pick<MeshTrust, 'identity' | 'mesh' | 'namespace' | 'name'> & {
    readonly originKri?: string | undefined;
    readonly place?: StoredPlace | undefined;
    readonly derivation?: MeshTrust['derivation'];
  };
  readonly shares: readonly StoredShare[];
  /** The certificates that a damaged version must not withdraw; absent if every version was damaged. */
  readonly clean?: StoredShare | undefined;
}

interface StoredBody {
  readonly format: typeof format;
  readonly source: string;
  readonly path: string;
  readonly grants: readonly StoredGrant[];
}

/** The format version. It is increased when programs of another version could not read the files. */
const format = 3;

/** Renders a last good state as text with a keyed checksum over its body. */
export function encodeLastGood({ source, path, grants }: LastGood, key: StateKey): string {
  const body: StoredBody = { format, source, path, grants: grants.map(storeGrant) };
  return signedText(JSON.stringify(body), key);
}

/** Returns the checksum of a text that `encodeLastGood` wrote. */
export function checksumOf(text: string): string {
  return text.slice(0, text.indexOf('\n'));
}

/**
 * Parses the text that `encodeLastGood` wrote. Leaves out single certificates and resources that this version of the
 * program does not accept.
 * @throws {Error} if the text is not whole, not of this format, or was not written with this key.
 */
export function decodeLastGood(text: string, reader: AnchorReader, key: StateKey): RestoredState {
  const [checksum = '', body = ''] = text.split('\n');
  if (!key.verify(body, checksum))
    throw new Error('its checksum does not match: it is damaged, or was not written here by this version');
  const stored = JSON.parse(body) as StoredBody;
  if (stored.format !== format) throw new Error(`format ${String(stored.format)} is not known`);
  const { source, path, grants } = stored;
  const refusals: string[] = [];
  const restored = grants.flatMap((grant) => {
    try {
      return [restoreGrant(grant, path, reader, refusals)];
    } catch (error) {
      refusals.push(`${grant.resource.identity}: ${reasonOf(error)}`);
      return [];
    }
  });
  return { source, path, grants: restored, refusals, isWhole: restored.length === grants.length };
}

function storeGrant({ resource, shares, clean }: Grant): StoredGrant {
  const { identity, mesh, namespace, name, originKri, place, derivation } = resource;
  return {
    resource: { identity, mesh, namespace, name, originKri, place: storePlace(place), derivation },
    shares: shares.map(storeShare),
    clean: clean && storeShare(clean),
  };
}

function storeShare({ mesh, trustDomain, anchors }: Share): StoredShare {
  return {
    mesh,
    trustDomain,
    pem: anchors.map(({ certificate }) => encodePem(certificate.der)).join(''),
    places: anchors.map(({ place }) => storePlace(place)),
  };
}

function storePlace({ line, path, block }: Place): StoredPlace {
  return { line, path, block };
}

function restoreGrant(
  { resource, shares, clean }: StoredGrant,
  file: string,
  reader: AnchorReader,
  refusals: string[],
): Grant {
  const { identity } = resource;
  const restored = shares.map((share) => restoreShare(share, identity, file, reader, refusals));
  const [current] = restored;
  if (current === undefined) throw new Error('a resource gives nothing');
  const whole: MeshTrust = {
    ...resource,
    originKri: resource.originKri,
    trustDomain: current.trustDomain,
    place: { ...resource.place, file, resource: identity },
    blocks: current.anchors,
  };
  return {
    resource: whole,
    settled: true,
    // Its refusals are those of the shares.
    clean: clean && restoreShare(clean, identity, file, reader, []),
    shares: restored,
  };
}

function restoreShare(
  { mesh, trustDomain, pem, places = [] }: StoredShare,
  identity: Identity,
  file: string,
  reader: AnchorReader,
  refusals: string[],
): Share {
  const anchors = reader.read(pem).flatMap((block, index): TrustAnchor[] => {
    const place = { block: block.index, ...places[index], file, resource: identity };
    if (block.kind === 'anchor') return [{ kind: 'anchor', certificate: block.certificate, place }];
    const where = place.path === undefined ? '' : `${place.path}, `;
    refusals.push(`${identity}: ${where}block ${place.block} is no longer accepted: ${block.reason}`);
    return [];
  });
  return { mesh, trustDomain: trustDomainOf(trustDomain), identity, anchors };
}

function trustDomainOf(text: string): TrustDomain {
  const parsed = parseTrustDomain(text);
  if (parsed.kind === 'invalid') throw new Error(`trust domain ${JSON.stringify(text)} ${parsed.reason}`);
  return parsed.name;
}
