/**
 * All checks by their stable names, in the order in which they are printed. `docs/checks.md` has a section for each.
 */
export const checkCatalogue = {
  'server-answers': {
    group: 'server',
    claim: 'answers',
    hint: 'check that the server runs, and that --server, --token-file and --ca are correct',
  },
  'server-version': {
    group: 'server',
    claim: 'has the same version as this command',
    hint: 'use the command of the version of the server, or finish the upgrade',
  },
  'server-ready': {
    group: 'server',
    claim: 'is ready',
    hint: 'proxies wait for their first response; fix the named source',
  },
  'files-current': {
    group: 'server',
    claim: 'uses the newest token and TLS files',
    hint: 'the previous content stays in use, even if it expires or is withdrawn; fix the named file',
  },
  'sources-read': {
    group: 'sources',
    claim: 'were read completely',
    hint: 'until then the server serves resources of an earlier run, if it has any; fix the named source',
  },
  'sources-current': {
    group: 'sources',
    claim: 'the newest version of each is served',
    hint: 'the last good version is served; meshtrust validate lists the errors in the newest version',
  },
  'guard-quiet': {
    group: 'trust',
    claim: 'the guard holds back no loss',
    hint: 'restore the lost resources, or withdraw their trust now: meshtrust guard release',
  },
  'findings-errors': {
    group: 'trust',
    claim: 'no finding is an error',
    hint: 'the named resource or certificate is not served as written, or the named hash is not distrusted; fix it',
  },
  'findings-warnings': {
    group: 'trust',
    claim: 'no finding is a warning',
    hint: 'the named resource is served; check that this is intended',
  },
  'trust-present': {
    group: 'trust',
    claim: 'every mesh has a CA certificate',
    hint: 'proxies of the mesh refuse every client; list a MeshTrust for it',
  },
  'authorities-valid': {
    group: 'trust',
    claim: 'every CA certificate is valid now',
    hint: 'proxies refuse its clients; list a renewed certificate, or remove it',
  },
  'authorities-last': {
    group: 'trust',
    claim: 'no CA certificate expires within 30 days',
    hint: 'list its successor beside it, and renew the certificates that it signed',
  },
  'proxies-accept': {
    group: 'proxies',
    claim: 'none rejected a response',
    hint: 'the proxy keeps its previous trust; meshtrust proxy-status NODE shows its message',
  },
  'proxies-current': {
    group: 'proxies',
    claim: 'all have the served version',
    hint: 'a stale or lost proxy is stopped, disconnected or overloaded; see meshtrust proxy-status',
  },
  'proxies-listed': {
    group: 'proxies',
    claim: 'all belong to meshes with a MeshTrust',
    hint: 'the others refuse every client; check node.metadata.mesh of their bootstrap: meshtrust proxy-status',
  },
  'proxies-judged': {
    group: 'proxies',
    claim: 'no token counts forever',
    hint: 'start the server with --xds-max-stream-age, for example 30m, of at most the life of the tokens',
  },
  'proxies-limited': {
    group: 'proxies',
    claim: 'cannot acknowledge for another proxy',
    hint: 'rotations wait at gate R25; limit the node ids of clients: give each rule of --xds-access a node',
  },
  'replicas-agree': {
    group: 'replicas',
    claim: 'serve the same versions',
    hint: 'a replica has not read the newest resources yet, reads other sources, or has other flags',
  },
} as const satisfies Record<string, CheckEntry>;

interface CheckEntry {
  readonly group: CheckGroup;
  /** The statement that is true if the check passes; printed after the name of its group. */
  readonly claim: string;
  /** Consequence of a failure, and what to do. */
  readonly hint: string;
}

export type CheckName = keyof typeof checkCatalogue;
export type CheckGroup = 'server' | 'sources' | 'trust' | 'proxies' | 'replicas';
