import { couldMatch, literalText, namesIn, saysSomething } from './pattern.ts';
import type { AccessRule } from './rules.ts';

/** Returns whether the rules say, for a mesh, which node ids a client may have. */
type NodeRules = (mesh: string) => boolean;

const known = new WeakMap<readonly AccessRule[], NodeRules>();

/**
 * Returns the function that says whether every rule with a mesh limits the node ids of its clients. Otherwise a client
 * can acknowledge for another proxy. A mesh without a rule has no limit: acknowledgements may be older than the rules.
 */
export function nodeRulesOf(rules: readonly AccessRule[]): NodeRules {
  const found = known.get(rules) ?? indexOf(rules);
  known.set(rules, found);
  return found;
}

/** Meshes that a rule names literally are looked up, because there can be thousands of rules and meshes. */
function indexOf(rules: readonly AccessRule[]): NodeRules {
  const literal = new Map<string, boolean>();
  const wild: { readonly mesh: AccessRule['meshes'][number]; readonly limits: boolean }[] = [];
  for (const rule of rules) {
    const limits = limitsNode(rule);
    for (const mesh of rule.meshes) {
      const name = literalText(mesh);
      if (name === undefined) wild.push({ mesh, limits });
      else literal.set(name, limits && literal.get(name) !== false);
    }
  }
  return (mesh) => {
    const matching = wild.filter((one) => couldMatch(one.mesh, mesh)).map(({ limits }) => limits);
    const own = literal.get(mesh);
    const all = own === undefined ? matching : [own, ...matching];
    return all.length > 0 && all.every(Boolean);
  };
}

/** `node: '*'` limits nothing, and neither does a name that only repeats the mesh. */
function limitsNode({ node, meshes }: AccessRule): boolean {
  return node !== undefined && saysSomething(node, new Set(meshes.flatMap(namesIn)));
}
