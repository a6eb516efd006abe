import { digestOf } from './accept-document.ts';
import type { Relationship } from './relationship.ts';

/** Returns whether both are of one parsed resource, so that nothing has to be compared or encoded. */
export function isSameResource(a: Relationship, b: Relationship): boolean {
  return a.profile === b.profile && a.bootstrap === b.bootstrap && a.url === b.url && a.name === b.name;
}

/** Returns whether two relationships have the same endpoint, authenticated in the same way. */
export function isSameEndpoint(a: Relationship, b: Relationship): boolean {
  const digest = ({ bootstrap }: Relationship): string =>
    bootstrap === undefined ? '' : digestOf(bootstrap);
  return (
    a.url === b.url &&
    JSON.stringify(a.profile) === JSON.stringify(b.profile) &&
    (a.bootstrap === b.bootstrap || digest(a) === digest(b))
  );
}
