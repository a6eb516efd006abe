import { readFile } from 'node:fs/promises';

import { loadAll } from 'js-yaml';

import type { Stage } from './stage.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** A Role or ClusterRole of the manifests. */
export interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: readonly Rule[];
}

/** One verb on one object, or on one kind of them. */
export interface Right {
  /** For example `get leases/meshtrust`. */
  readonly text: string;
  readonly role: Role;
  readonly rule: Rule;
}

/** Parses the roles in a file of manifests. */
export async function readRoles(manifest: URL): Promise<readonly Role[]> {
  const objects = loadAll(await readFile(manifest, 'utf8')) as Role[];
  return objects.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
}

/** Returns the single rights of a role. */
export function rightsOf(role: Role): readonly Right[] {
  return role.rules.flatMap((rule) =>
    rule.verbs.flatMap((verb) =>
      (rule.resourceNames ?? [undefined]).map((name) => ({
        text: `${verb} ${rule.resources.join()}${name === undefined ? '' : `/${name}`}`,
        role,
        rule: { ...rule, verbs: [verb], ...(name === undefined ? {} : { resourceNames: [name] }) },
      })),
    ),
  );
}

/** Replaces the roles in the cluster by roles with only these rights. */
export async function allow(stage: Stage, roles: readonly Role[], rights: readonly Right[]): Promise<void> {
  for (const role of roles) {
    const rules = rights.filter((right) => right.role === role).map(({ rule }) => rule);
    await stage.kubectl('replace -f -', JSON.stringify({ ...role, rules }));
  }
}
