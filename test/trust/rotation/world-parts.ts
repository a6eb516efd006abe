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

/** A proxy, and what is true about it. */
export interface Proxy {
  readonly name: string;
  /** The server to which it is connected. */
  at: number | undefined;
  leftAt: number;
  /** The version that it has acknowledged, and what that version lists. */
  version: string;
  held: ReadonlySet<string>;
}

/** A replica, and what it knows. */
export interface Server {
  isUp: boolean;
  startedAt: number;
  /** The text of the file that it has read. */
  text: string;
  readAt: number;
  /** The proxies that left since its start. */
  readonly gone: Map<Proxy, { readonly goneAt: number; readonly version: string }>;
  /** When access logs had clients of each CA since its start. */
  readonly seen: Map<string, number>;
}
