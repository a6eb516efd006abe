import type { IssuerList } from '../api/issuer-api-types.ts';
import { errorReply, jsonReply, unknownMesh } from './reply.ts';
import type { ApiInput } from './api-routes.ts';
import type { Route } from './router.ts';

/** The source of the responses about issuers of clients. */
export interface IssuerInput extends Pick<ApiInput, 'view'> {
  /** Returns the issuers in the access logs of a mesh. `undefined` if the server takes no access logs. */
  readonly issuers?: ((mesh: string) => IssuerList) | undefined;
}

/** Returns the route `/api/v1/meshes/{mesh}/issuers`. */
export function issuerRoutes({ view, issuers }: IssuerInput): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/v1/meshes/{mesh}/issuers',
      answer: ([mesh = '']) => {
        if (issuers === undefined)
          return errorReply('not-found', 'the server takes no access logs: see --access-log-listen');
        return view().meshes.has(mesh)
          ? jsonReply(issuers(mesh) satisfies IssuerList)
          : unknownMesh(mesh, view().readiness, 'no issuer was seen');
      },
    },
  ];
}
