import type { Link } from './link.ts';
import type { RefusalReason } from './verdict.ts';

/** Returns why Envoy refuses a leaf before it builds a path, or `undefined` if it does not. */
export function checkLeaf({
  keyAlgorithm = 'unknown',
  keyUsage,
  basicConstraints,
}: Link): RefusalReason | undefined {
  // Envoy's list of signature algorithms has no others, so clients with other keys send no certificate at all.
  if (!/^(?:RSA|ECDSA P-256|ECDSA P-384)\b/.test(keyAlgorithm)) {
    return {
      code: 'leaf-key-unusable',
      sentence: `the leaf has a key of type ${keyAlgorithm}, which Envoy does not accept; use a P-256, P-384 or RSA key`,
    };
  }
  if (keyUsage?.digitalSignature === false) {
    return {
      code: 'leaf-cannot-authenticate',
      sentence:
        'the key usage of the leaf does not include digital signatures, which a client needs to prove that it has the key',
    };
  }
  if (basicConstraints?.ca === true) {
    return { code: 'leaf-is-ca', sentence: 'the leaf is a CA according to its basic constraints' };
  }
  if (keyUsage === undefined) {
    return {
      code: 'leaf-can-sign',
      sentence: 'the leaf has no key usage, so it is allowed to sign certificates',
    };
  }
  if (keyUsage.keyCertSign || keyUsage.crlSign) {
    const objects = keyUsage.keyCertSign ? 'certificates' : 'CRLs';
    return { code: 'leaf-can-sign', sentence: `the key usage of the leaf allows it to sign ${objects}` };
  }
  return undefined;
}
