/** What one document and one resource may hold; a resource beyond it is a violation, never cut short. */
export interface Limits {
  /** UTF-16 code units of one document's text. */
  readonly documentLength: number;
  readonly certificatesPerResource: number;
}

export const defaultLimits: Limits = { documentLength: 1024 * 1024, certificatesPerResource: 1000 };
