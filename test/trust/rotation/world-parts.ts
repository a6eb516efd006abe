import assert from 'node:assert/strict';
import type { GateInput } from '../../../src/trust/rotation/facts.ts';
import type { Certificate } from '../../../src/trust/x509/certificate.ts';
import { makeCa } from '../../kit/certificates.ts';
import { reader } from '../../kit/resources.ts';

/** The two CAs as PEM. */
export const pems = {
  old: makeCa({ commonName: 'Old' }).certPem,
  new: makeCa({ commonName: 'New' }).certPem,
};
export type Which = keyof typeof pems;

function certificateOf(which: Which): Certificate {
  const [block] = reader.read(pems[which]);
  return block?.kind === 'anchor' ? block.certificate : assert.fail('no CA');
}
/** The two CAs as a server reads them. */
export const cas = { old: certificateOf('old'), new: certificateOf('new') };

/** Returns the input without what access logs say. */
export function withoutObservation(input: GateInput): GateInput {
  return {
    ...input,
    observation: undefined,
    servers: input.servers.map((server) =>
      server.kind === 'answered' ? { ...server, observed: undefined } : server,
    ),
  };
}
