import { createResourceSet, typeUrls } from '../../src/xds/index.ts';
import type { Resource, ResourceSet, TypeOptions, XdsObserver } from '../../src/xds/index.ts';
import type { DeltaResponse, SotwResponse } from './codec.ts';
import type { Contents, TypeName } from './step.ts';

/** Type URLs by their names in conversations. */
export const urlOf: Readonly<Record<TypeName, string>> = {
  secret: typeUrls.secret,
  route: typeUrls.routeConfiguration,
  cluster: typeUrls.cluster,
  unserved: 'type.googleapis.com/test.Unserved',
};

/** The options of the types in conversations. */
export const testTypes: Readonly<Record<string, TypeOptions>> = { [urlOf.unserved]: { unset: 'empty' } };

/** A resource whose body contains its name and version. */
export function resource(name: string, version: string): Resource {
  return { name, version, body: Buffer.from(`${name}@${version}`) };
}

/** Returns a resource for any name that begins with `known:`. */
function fallback(name: string): Resource | undefined {
  return name.startsWith('known:') ? resource(name, 'fallback') : undefined;
}

/** A set with the fallback of all conversations. */
export function setOf(contents: Contents, wildcard?: readonly string[]): ResourceSet {
  const resources = Object.entries(contents).map(([name, version]) => resource(name, version));
  return createResourceSet(resources, { wildcard, fallback });
}

export function describeDelta({ resources, removed_resources: removed }: DeltaResponse): string {
  for (const { name, version, resource: any } of resources) checkBody(any.value, `${name}@${version}`);
  const parts = [
    ...resources.map(({ name, version }) => `${name}@${version}`),
    ...removed.map((name) => `-${name}`),
  ];
  return parts.join(' ') || '(empty)';
}

export function describeSotw({ resources }: SotwResponse): string {
  return resources.map(({ value }) => value.toString()).join(' ') || '(empty)';
}

function checkBody(body: Buffer, expected: string): void {
  if (body.toString() !== expected) throw new Error(`body ${body.toString()} instead of ${expected}`);
}

/** An observer that reports events in the notation of conversations. */
export function reportingObserver(
  report: (report: string) => void,
): Required<Pick<XdsObserver, 'request' | 'acked' | 'quoted' | 'nacked'>> {
  return {
    request: (_, { kind }) => {
      if (kind === 'stale') report('stale');
    },
    acked: (_, { name, version, unconfirmed }) => {
      if (unconfirmed) report(`ack? ${name}@${version}`);
    },
    quoted: (_, { name, version, unconfirmed }) =>
      report(`holds${unconfirmed ? '?' : ''} ${name}@${version}`),
    nacked: (_, { resources }) =>
      report(`nack ${resources.map(({ name, version }) => `${name}@${version}`).join(' ')}`),
  };
}
