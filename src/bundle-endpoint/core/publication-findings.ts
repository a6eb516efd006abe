import { finding } from '../../trust/findings/finding.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import type { PublishedBundle } from './published-bundles.ts';

/** Returns a finding MT080 for each published bundle without CA certificates: its consumers refuse every certificate. */
export function publicationFindings(published: readonly PublishedBundle[]): readonly Finding[] {
  return published
    .filter(({ isEmpty }) => isEmpty)
    .map(({ mesh, trustDomain }) => {
      const message = `the published bundle of trust domain ${trustDomain} has no CA certificate: its consumers refuse every certificate of the trust domain, and SPIRE cannot fetch over https_spiffe again until its operator sets the bundle by hand`;
      return finding('MT080', message, { mesh, trustDomain });
    });
}
