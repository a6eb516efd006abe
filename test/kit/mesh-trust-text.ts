/** One MeshTrust for a test: its trust domain and the PEM text of each of its CA bundles. */
export interface MeshTrustText {
  readonly name: string;
  readonly trustDomain: string;
  readonly pems: readonly string[];
  readonly mesh?: string;
}

/** Returns a MeshTrust in the Universal form, as YAML. PEM texts are JSON strings, so that all bytes are preserved. */
export function meshTrustYaml({ name, trustDomain, pems, mesh = 'default' }: MeshTrustText): string {
  return [
    'type: MeshTrust',
    `name: ${name}`,
    `mesh: ${mesh}`,
    'spec:',
    `  trustDomain: ${JSON.stringify(trustDomain)}`,
    '  caBundles:',
    ...pems.flatMap((pem) => ['    - type: Pem', '      pem:', `        value: ${JSON.stringify(pem)}`]),
    '',
  ].join('\n');
}
