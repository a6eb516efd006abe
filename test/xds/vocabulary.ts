import { createResourceSet, typeUrls } from '../../src/xds/index.ts';
import type { Resource, ResourceSet, TypeOptions, XdsObserver } from '../../src/xds/index.ts';
import type { DeltaResponse, SotwResponse } from './codec.ts';
import type { Contents, TypeName } from './step.ts';

/** Type URLs by the names that conversations use. */
export const urlOf: Readonly<Record<TypeName, string>> = {
  secret: typeUrls.secret,
  route: typeUrls.routeConfiguration,
  cluster: typeUrls.cluster,
  unserved: 'type.googleapis.com/test.Unserved',
};

/** The options that conversations are about. */
export const testTypes: Readonly<Record<string, TypeOptions>> = { [urlOf.unserved]: { unset: 'empty' } };

/** One resource; its body says what it is. */
export function resource(name: string, version: string): Resource {
  return { name, version, body: Buffer.from(`${name}@${version}`) };
}

/** Any name that begins with `known:` exists. */
function fallback(name: string): Resource | undefined {
  return name.startsWith('known:') ? resource(name, 'fallback') : undefined;
}

/** A set with the fallback that all sets of conversations have. */
export function setOf(contents: Contents, wildcard?: readonly string[]): ResourceSet {
  const resources = Object.entries(contents).map(([name, version]) => resource(name, version));
  return createResourceSet(resources, { wildcard, fallback });
}

export function tellDelta({ resources, removed_resources: removed }: DeltaResponse): string {
  for (const { name, version, resource: any } of resources) checkBody(any.value, `${name}@${version}`);
  const said = [
    ...resources.map(({ name, version }) => `${name}@${version}`),
    ...removed.map((name) => `-${name}`),
  ];
  return said.join(' ') || '(empty)';
}

export function tellSotw({ resources }: SotwResponse): string {
  return resources.map(({ value }) => value.toString()).join(' ') || '(empty)';
}

function checkBody(body: Buffer, expected: string): void {
  if (body.toString() !== expected) throw new Error(`body ${body.toString()} under the name of ${expected}`);
}

/** Puts what an observer hears into the words of conversations. */
export function telling(
  say: (report: string) => void,
): Required<Pick<XdsObserver, 'request' | 'acked' | 'quoted' | 'nacked'>> {
  return {
    request: (_, { kind }) => {
      if (kind === 'stale') say('stale');
    },
    acked: (_, { name, version, unconfirmed }) => {
      if (unconfirmed) say(`ack? ${name}@${version}`);
    },
    quoted: (_, { name, version, unconfirmed }) => say(`holds${unconfirmed ? '?' : ''} ${name}@${version}`),
    nacked: (_, { resources }) =>
      say(`nack ${resources.map(({ name, version }) => `${name}@${version}`).join(' ')}`),
  };
}
