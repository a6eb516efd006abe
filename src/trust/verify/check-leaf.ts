import type { Link } from './link.ts';
import type { Objection } from './verdict.ts';

/** What Envoy has against a leaf before it looks at any trust. */
export function leafObjection({
  keyAlgorithm = 'unknown',
  keyUsage,
  basicConstraints,
}: Link): Objection | undefined {
  // In its list of signature algorithms Envoy asks for no other keys, so clients with such do not answer at all.
  if (!/^(?:RSA|ECDSA P-256|ECDSA P-384)\b/.test(keyAlgorithm)) {
    return {
      code: 'leaf-key-unusable',
      sentence: `Envoy takes no client with a key of the kind ${keyAlgorithm}; give it a P-256, P-384 or RSA key`,
    };
  }
  if (keyUsage?.digitalSignature === false) {
    return {
      code: 'leaf-cannot-authenticate',
      sentence:
        'the key usage of the leaf leaves out digital signatures, by which clients prove that it is theirs',
    };
  }
  if (basicConstraints?.ca === true) {
    return { code: 'leaf-is-ca', sentence: 'the leaf is a CA: its basic constraints say so' };
  }
  if (keyUsage === undefined) {
    return {
      code: 'leaf-can-sign',
      sentence: 'the leaf has no key usage, so nothing keeps it from signing certificates',
    };
  }
  if (keyUsage.keyCertSign || keyUsage.crlSign) {
    const what = keyUsage.keyCertSign ? 'certificates' : 'CRLs';
    return { code: 'leaf-can-sign', sentence: `the key usage of the leaf allows it to sign ${what}` };
  }
  return undefined;
}
