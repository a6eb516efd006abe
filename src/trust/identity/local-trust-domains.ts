/** The trust domains that the MeshIdentities of this server give. */
export interface LocalTrustDomains {
  /** As `mesh/trust domain`. */
  readonly names: ReadonlySet<string>;
  /**
   * The MeshIdentities that may give others: `all` before their sources were read completely once, `some` if a file or
   * object that may have one was never readable.
   */
  readonly unread: 'none' | 'some' | 'all';
}
