// Made by scripts/make-deny-all-ca.ts; not to be edited.
import { denyAllTrustDomain } from '../model/trust-domain.ts';

/**
 * The certificate authority that is served where there is no trust. Nobody has its private key: the x of
 * its public key is SHA-256('meshtrust deny-all certificate authority' followed by the
 * counter 0 in four bytes), the first of such hashes that is on P-256, and y is the even one of the two.
 */
export const denyAllCa = {
  trustDomain: denyAllTrustDomain,
  /** SHA-256 of the DER, lower-case hex. */
  fingerprint: '897fa1d45fa7c11ea8cd1733b5731079f51c0e9a4873c599713a6324e96fef23',
  pem: [
    '-----BEGIN CERTIFICATE-----',
    'MIIBZjCCAUugAwIBAgIBATAKBggqhkjOPQQDAjA5MTcwNQYDVQQDDC5tZXNodHJ1',
    'c3QgZGVueS1hbGw6IG5vYm9keSBoYXMgdGhlIHByaXZhdGUga2V5MCAXDTcwMDEw',
    'MTAwMDAwMFoYDzk5OTkxMjMxMjM1OTU5WjA5MTcwNQYDVQQDDC5tZXNodHJ1c3Qg',
    'ZGVueS1hbGw6IG5vYm9keSBoYXMgdGhlIHByaXZhdGUga2V5MFkwEwYHKoZIzj0C',
    'AQYIKoZIzj0DAQcDQgAEaMT6hrHZvfijSPVgrqw9uwV2j0IlUOtqT5/mJq0FCF9b',
    '8HEQ0EmkBRN8xg5Q9MFTWQdpSJjVaUIdDBvB+QKdiKNCMEAwHQYDVR0OBBYEFF5b',
    'A7la+vcWeCctxG2uhqmdHmZnMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQD',
    'AgIEMAoGCCqGSM49BAMCAwkAMAYCAQECAQE=',
    '-----END CERTIFICATE-----',
    '',
  ].join('\n'),
} as const;
