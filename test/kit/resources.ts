import { parseFile } from '../../src/trust/model/parse-file.ts';
import type { ParsedFile } from '../../src/trust/model/parse-file.ts';
import type { MeshTrust } from '../../src/trust/model/mesh-trust.ts';
import { createAnchorReader } from '../../src/trust/x509/anchor-reader.ts';
import { meshTrustYaml } from './mesh-trust-text.ts';
import type { MeshTrustText } from './mesh-trust-text.ts';

export const reader = createAnchorReader();

/** Parses the text of a file as the program does, with the default mesh `default`. */
export function parse(text: string, file = 'trust.yaml'): ParsedFile {
  return parseFile(file, text, { defaultMesh: 'default', reader });
}

/** Returns the fingerprint of the CA certificate in a PEM text. */
export function fingerprintOf(pem: string): string {
  const [block] = reader.read(pem);
  if (block?.kind !== 'anchor') throw new Error('the text has no CA certificate');
  return block.certificate.fingerprint;
}

/** Parses a text with one valid resource and returns the resource. */
export function resourceOf(text: MeshTrustText): MeshTrust {
  const parsed = parse(meshTrustYaml(text), `${text.name}.yaml`);
  const [document] = parsed.kind === 'documents' ? parsed.documents : [];
  if (document?.kind !== 'mesh-trust') throw new Error(`not a valid MeshTrust: ${JSON.stringify(parsed)}`);
  return document.resource;
}
