import type { TlsMaterial } from '../../net/tls-material.ts';

/** Told of a certificate to serve with, each time that there is another one. */
export interface CertificateEvents {
  readonly loaded: (material: TlsMaterial, isFirst: boolean) => void;
  /** There is none, or none that can be used; what was in use stays so. Told again only when the reason changes. */
  readonly refused: (reason: string) => void;
}

/** Something that gets a certificate, and the next one in time, until it is closed. Never throws. */
export type CertificateSource = (events: CertificateEvents) => { close(): Promise<void> };
