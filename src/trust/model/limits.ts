/** The limits of one document and one resource. A resource beyond a limit is rejected, never truncated. */
export interface Limits {
  /** UTF-16 code units in the text of one document. */
  readonly documentLength: number;
  readonly certificatesPerResource: number;
}

/** The default limits: 1 Mi code units of text and 1,000 certificates. */
export const defaultLimits: Limits = { documentLength: 1024 * 1024, certificatesPerResource: 1000 };
