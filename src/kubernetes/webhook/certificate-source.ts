import type { TlsMaterial } from '../../net/tls-material.ts';

/** The callbacks of a certificate source. */
export interface CertificateEvents {
  /** Called with each new certificate. */
  readonly loaded: (material: TlsMaterial, isFirst: boolean) => void;
  /**
   * Called if there is no usable certificate, and again when the reason changes. The previous certificate stays in
   * use.
   */
  readonly refused: (reason: string) => void;
  /** Called if the files of the certificate change again and again, once until they rest. */
  readonly restless?: (() => void) | undefined;
}

/** Starts to provide certificates, and renews them in time, until it is closed. Never throws. */
export type CertificateSource = (events: CertificateEvents) => { close(): Promise<void> };
