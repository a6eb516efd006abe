import type { IdentityList, IdentityRelease } from '../api/identity-api-types.ts';
import { presentIdentities } from '../api/present-identities.ts';
import type { IdentityView } from '../trust/identity/identity-stage.ts';
import { identityOf } from '../trust/model/mesh-trust.ts';
import type { Identity } from '../trust/model/mesh-trust.ts';
import { errorReply, jsonReply } from './reply.ts';
import type { Route } from './router.ts';

/** The sources of the responses about MeshIdentities. */
export interface IdentityInput {
  /** Returns `undefined` if the server does not read MeshIdentities. */
  readonly identities?: (() => readonly IdentityView[] | undefined) | undefined;
  readonly releaseSuperseded?: ((identity: Identity) => number | undefined) | undefined;
}

/** Returns the routes below `/api/v1/identities`. */
export function identityRoutes({ identities, releaseSuperseded }: IdentityInput): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/v1/identities',
      answer: () => {
        const views = identities?.();
        const list = presentIdentities(views ?? []);
        return jsonReply({ read: views !== undefined, identities: list } satisfies IdentityList);
      },
    },
    {
      method: 'POST',
      pattern: '/api/v1/identities/release',
      answer: (_, query) => {
        const identity = readIdentity(query);
        if (identity === undefined)
          return errorReply('bad-request', 'the parameters are mesh, name and, if it has one, namespace');
        const released = releaseSuperseded?.(identity) ?? 0;
        return jsonReply({ released } satisfies IdentityRelease);
      },
    },
  ];
}

/** Parses which MeshIdentity a request names: exactly one, because a release withdraws trust. */
function readIdentity(query: URLSearchParams): Identity | undefined {
  const names = [...query.keys()];
  const known = new Set(['mesh', 'namespace', 'name']);
  if (names.some((name) => !known.has(name)) || new Set(names).size !== names.length) return undefined;
  const [mesh, namespace, name] = [query.get('mesh'), query.get('namespace'), query.get('name')];
  return mesh === null || mesh === '' || name === null || name === ''
    ? undefined
    : identityOf(mesh, namespace ?? '', name);
}
