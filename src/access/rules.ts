import type { ClientIdentity } from './identity.ts';
import { bind, bindSpiffe, matches } from './pattern.ts';
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
  for (const rule of rules) {
    const bindings = bindingsOf(rule.from, identity);
    if (bindings === undefined || !rule.meshes.some((pattern) => matches(pattern, mesh, bindings))) continue;
    return rule.node === undefined || matches(rule.node, nodeId, bindings) ? 'allowed' : 'node';
  }
  return 'mesh';
}

function bindingsOf(from: RuleFrom, identity: ClientIdentity): Bindings | undefined {
  if (from.kind === 'spiffe')
    return identity.kind === 'spiffe' ? bindSpiffe(from.id, identity.id) : undefined;
  if (identity.kind !== 'service-account') return undefined;
  const { namespace, name, pod } = identity;
  const own: readonly (readonly [string, string])[] = [
    ['namespace', namespace],
    ['serviceAccount', name],
    ...(pod === undefined ? [] : [['pod', pod] as const]),
  ];
  const inNamespace = bind(from.namespace, namespace, new Map(own));
  return inNamespace && bind(from.name, name, inNamespace);
}
