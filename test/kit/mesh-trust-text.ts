/** One MeshTrust for a test: its trust domain and the PEM text of each of its CA bundles. */
export interface MeshTrustText {
  readonly name: string;
  readonly trustDomain: string;
  readonly pems: readonly string[];
  readonly mesh?: string;
}

/** The Universal form, as YAML; PEM text is quoted as JSON, so that any bytes survive. */
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
