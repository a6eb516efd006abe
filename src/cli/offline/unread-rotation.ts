import type { MeshDetail } from '../../api/api-types.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import { rotationKeys } from '../../trust/rotation-keys.ts';

type Remark = Pick<Finding, 'code' | 'message' | 'resource' | 'path'>;

/**
 * Returns why a rotation may be in progress although none was read: a MeshTrust has annotations that cannot be read.
 * `undefined` without such a MeshTrust. The record of forced steps does not count, because it outlasts the rotation.
 */
export function describeUnread(remarks: readonly Remark[]): string | undefined {
  const unread = remarks.find(
    ({ code, path = '' }) => code === 'MT100' && !path.includes(JSON.stringify(rotationKeys.forced)),
  );
  return (
    unread &&
    `${unread.resource ?? 'a MeshTrust'}: it is unknown whether a rotation is in progress: MT100: ${unread.message}`
  );
}

/** Returns the findings of a mesh, without those about MeshTrusts of other trust domains. */
export function findingsAbout(
  { findings, trustDomains }: MeshDetail,
  trustDomain: string | undefined,
): readonly Remark[] {
  if (trustDomain === undefined) return findings;
  return findings.filter(({ resource = '' }) => {
    const listing = trustDomains.filter(({ anchors }) =>
      anchors.some(({ resources }) => resources.includes(resource)),
    );
    // A MeshTrust without a CA certificate in force may be of any trust domain.
    return listing.length === 0 || listing.some(({ name }) => name === trustDomain);
  });
}
