import type { ClientIdentity } from './identity.ts';
import { bind, bindSpiffe, matches, spiffeSegments } from './pattern.ts';
import type { Bindings, Pattern } from './pattern.ts';

/** The clients that a rule is about. */
export type RuleFrom =
  | { readonly kind: 'spiffe'; readonly id: Pattern }
  | { readonly kind: 'service-account'; readonly namespace: Pattern; readonly name: Pattern };

/** A rule: these clients may have these meshes, with these node ids. */
export interface AccessRule {
  readonly from: RuleFrom;
  readonly meshes: readonly Pattern[];
  /** `undefined`: any node id. */
  readonly node: Pattern | undefined;
}

/** The names that a rule about service accounts can use without binding them. */
export const serviceAccountNames = ['namespace', 'serviceAccount', 'pod'] as const;

/**
 * The decision of the rules: `mesh` if no rule gives the mesh to the client, `node` if it must have another node id.
 */
export type RuleDecision = 'allowed' | 'mesh' | 'node';

/**
 * Returns whether a client may have a mesh under a node id. The first rule about the client that has the mesh decides.
 * Without such a rule the client is refused.
 */
export function checkRules(
  rules: readonly AccessRule[],
  identity: ClientIdentity,
  { mesh, nodeId }: { readonly mesh: string; readonly nodeId: string },
): RuleDecision {
  // Once, and not for each rule: the client chooses the length of the mesh.
  const meshSegments = mesh.split('/');
  const bindingsOf = matcherOf(identity);
  for (const rule of rules) {
    const bindings = bindingsOf(rule.from);
    if (bindings === undefined || !rule.meshes.some((pattern) => matches(pattern, meshSegments, bindings)))
      continue;
    return rule.node === undefined || matches(rule.node, nodeId.split('/'), bindings) ? 'allowed' : 'node';
  }
  return 'mesh';
}

/** Returns the function that says whether a rule is about the client, by the texts of its names. */
function matcherOf(identity: ClientIdentity): (from: RuleFrom) => Bindings | undefined {
  switch (identity.kind) {
    case 'spiffe': {
      const segments = spiffeSegments(identity.id);
      return (from) =>
        from.kind === 'spiffe' && segments !== undefined ? bindSpiffe(from.id, segments) : undefined;
    }
    case 'service-account': {
      const { namespace, name, pod } = identity;
      const own: Bindings = new Map([
        ['namespace', namespace],
        ['serviceAccount', name],
        ...(pod === undefined ? [] : [['pod', pod] as const]),
      ]);
      return (from) => {
        if (from.kind !== 'service-account') return undefined;
        const inNamespace = bind(from.namespace, namespace, own);
        return inNamespace && bind(from.name, name, inNamespace);
      };
    }
    case 'certificate':
      return () => undefined;
  }
}
