/** Returns a kubeconfig as JSON, which is also YAML, with one context. `server`: the URL of the API server. */
export function kubeconfigOf(
  { server, ...cluster }: { readonly server: string } & Readonly<Record<string, unknown>>,
  user: Readonly<Record<string, unknown>>,
): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, ...cluster } }],
    users: [{ name: 'test', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}

/** Returns a kubeconfig for a played API server, whose certificate is not verified. */
export function insecureKubeconfig(server: string, user: Readonly<Record<string, unknown>>): string {
  return kubeconfigOf({ server, 'insecure-skip-tls-verify': true }, user);
}
