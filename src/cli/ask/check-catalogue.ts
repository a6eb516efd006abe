/**
 * Every check, by its stable name, in the order in which they are shown. `docs/checks.md` has an anchor for
 * each; `hint` says what to do where it fails.
 */
export const checkCatalogue = {
  'server-answers': {
    group: 'server',
    claim: 'answers',
    hint: 'see that it runs, and that --server, --token-file and --ca are right',
  },
  'server-version': {
    group: 'server',
    claim: 'has the version of this command',
    hint: 'use the command of the version that runs, or finish the upgrade',
  },
  'server-ready': {
    group: 'server',
    claim: 'is ready',
    hint: 'proxies wait for their first answer; mend the source that is named',
  },
  'files-current': {
    group: 'server',
    claim: 'uses the newest tokens and TLS files',
    hint: 'the previous ones stay in use, also after they expire or are withdrawn; correct the file that is named',
  },
  'sources-read': {
    group: 'sources',
    claim: 'were read completely',
    hint: 'what is served is from an earlier run until then; mend what cannot be read',
  },
  'sources-current': {
    group: 'sources',
    claim: 'give their newest version',
    hint: 'the last good version is served; meshtrust validate says what is wrong with the newest',
  },
  'guard-quiet': {
    group: 'trust',
    claim: 'no loss is held back by the guard',
    hint: 'bring back what was lost, or let it go now: meshtrust guard release',
  },
  'findings-errors': {
    group: 'trust',
    claim: 'everything that is listed is served',
    hint: 'what is named is not served, or not distrusted, as it was written',
  },
  'findings-warnings': {
    group: 'trust',
    claim: 'nothing that is listed needs a look',
    hint: 'it is served as it was listed; look at it',
  },
  'trust-present': {
    group: 'trust',
    claim: 'every mesh trusts somebody',
    hint: 'all clients of the mesh are refused until a MeshTrust of it is listed',
  },
  'authorities-valid': {
    group: 'trust',
    claim: 'every authority is valid',
    hint: 'proxies refuse its clients; list its renewed certificate, or remove it',
  },
  'authorities-last': {
    group: 'trust',
    claim: 'every authority is valid for 30 days',
    hint: 'list its successor beside it, and renew what it has signed',
  },
  'proxies-accept': {
    group: 'proxies',
    claim: 'none has refused what it was sent',
    hint: 'it goes on with what it had; meshtrust proxy-status NODE has its message',
  },
  'proxies-current': {
    group: 'proxies',
    claim: 'all have what is served',
    hint: 'one that has lagged for long, or is lost, is stopped, cut off or overloaded: meshtrust proxy-status',
  },
  'proxies-listed': {
    group: 'proxies',
    claim: 'all are of meshes that list trust',
    hint: 'they refuse every client; see node.metadata.mesh: meshtrust proxy-status',
  },
  'replicas-agree': {
    group: 'replicas',
    claim: 'serve the same',
    hint: 'one has not read the newest yet, or reads something else, or with other flags',
  },
} as const satisfies Record<string, CheckEntry>;

interface CheckEntry {
  readonly group: CheckGroup;
  /** What holds where all is well, after the name of its group. */
  readonly claim: string;
  readonly hint: string;
}

export type CheckName = keyof typeof checkCatalogue;
export type CheckGroup = 'server' | 'sources' | 'trust' | 'proxies' | 'replicas';
