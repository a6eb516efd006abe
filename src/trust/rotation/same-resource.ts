import type { AnsweredFacts } from './facts.ts';

/**
 * Returns a function that decides whether a resource of a server (`mesh/namespace/name`) is the rotated one. A file may
 * leave the namespace to the command that applies it. Then the only resource of servers with its mesh and name counts.
 */
export function isRotated(identity: string, answered: readonly AnsweredFacts[]): (name: string) => boolean {
  const known = answered.flatMap(({ cas, rotations }) => [
    ...cas.flatMap(({ resources }) => resources),
    ...rotations.map(({ resource }) => resource),
  ]);
  const isExact = (name: string): boolean => name === identity;
  if (!identity.includes('//') || known.some(isExact)) return isExact;
  const fitting = new Set(known.filter((name) => withoutNamespace(name) === identity));
  return fitting.size === 1 ? (name) => fitting.has(name) : isExact;
}

function withoutNamespace(name: string): string {
  const [mesh = '', , ...rest] = name.split('/');
  return `${mesh}//${rest.join('/')}`;
}
