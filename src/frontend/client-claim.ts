import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { statusOfRefusal } from '../access/claim.ts';
import type { AccessDecision, ClaimedCertificate, ClientClaim, DecideAccess } from '../access/claim.ts';
import { clientCertificateOf } from '../net/client-certificate.ts';
import type { Authorization, Authorize, PeerCertificate, XdsNode, XdsPeer } from '../xds/index.ts';

/** Returns the mesh that a node names; else the default. */
export function meshOf({ metadata }: XdsNode, defaultMesh: string): string {
  return typeof metadata['mesh'] === 'string' ? metadata['mesh'] : defaultMesh;
}

/** Returns the function by which the xDS library asks about clients. */
export function authorizeBy(decide: DecideAccess, defaultMesh: string): Authorize {
  return (peer, node) => {
    const claim = claimOf(peer, node, defaultMesh);
    const decision = decide(claim);
    return decision instanceof Promise
      ? decision.then((settled) => authorizationOf(settled, claim))
      : authorizationOf(decision, claim);
  };
}

function claimOf(
  { address, certificate, metadata }: XdsPeer,
  node: XdsNode,
  defaultMesh: string,
): ClientClaim {
  const [authorization] = metadata.get('authorization');
  return {
    address,
    certificate: certificate && claimedCertificate(certificate),
    authorization: typeof authorization === 'string' ? authorization : undefined,
    nodeId: node.id,
    mesh: meshOf(node, defaultMesh),
  };
}

/** The source of the credentials in a call of the own transport. */
interface CredentialedCall {
  readonly address: string;
  readonly socket: Socket;
  readonly metadata: { get(key: string): readonly (string | Uint8Array)[] };
}

/** Returns the claim of a client that names its node and mesh in another service than xDS. */
export function claimOfCall(
  { address, socket, metadata }: CredentialedCall,
  nodeId: string,
  mesh: string,
): ClientClaim {
  const [authorization] = metadata.get('authorization');
  return {
    address,
    certificate: socket instanceof TLSSocket ? certificateOf(socket) : undefined,
    authorization: typeof authorization === 'string' ? authorization : undefined,
    nodeId,
    mesh,
  };
}

function certificateOf(socket: TLSSocket): ClaimedCertificate | undefined {
  const found = clientCertificateOf(socket);
  if (found === undefined) return undefined;
  return { leaf: found.certificate.raw, chain: found.chain, isVerified: socket.authorized };
}

function claimedCertificate({ raw, chain, isVerified }: PeerCertificate): ClaimedCertificate {
  return { leaf: raw, chain, isVerified };
}

function authorizationOf(decision: AccessDecision, { mesh }: ClientClaim): Authorization {
  if (decision.kind === 'allowed') return { kind: 'allowed', group: mesh, identity: decision.identity };
  const { reason, message, identity } = decision;
  return {
    kind: 'refused',
    code: statusOfRefusal[reason],
    reason,
    message,
    group: mesh,
    identity,
    retiresConnection: reason === 'certificate',
  };
}
