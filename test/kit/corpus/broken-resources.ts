import type { BrokenInput, Healthy } from './broken-input.ts';

interface Resource {
  readonly [field: string]: unknown;
  readonly spec: unknown;
}

const bundle = (value: unknown) => ({ type: 'Pem', pem: { value } });

/** Returns the healthy resource as an object, with overrides for its spec and its top level. */
const resource = ({ name, trustDomain, pem }: Healthy, spec: object = {}, top: object = {}): Resource => ({
  type: 'MeshTrust',
  name,
  mesh: 'default',
  spec: { trustDomain, caBundles: [bundle(pem)], ...spec },
  ...top,
});

const resources: Readonly<Record<string, (healthy: Healthy) => Resource>> = {
  'no spec': (healthy) => resource(healthy, {}, { spec: undefined }),
  'a spec that is text': (healthy) => resource(healthy, {}, { spec: 'trust everybody' }),
  'a mesh that is a number': (healthy) => resource(healthy, {}, { mesh: 7 }),
  'a name that is a list': (healthy) => resource(healthy, {}, { name: [healthy.name] }),
  'no trust domain': (healthy) => resource(healthy, { trustDomain: undefined }),
  'an empty trust domain': (healthy) => resource(healthy, { trustDomain: '' }),
  'a trust domain that is a number': (healthy) => resource(healthy, { trustDomain: 7 }),
  'a trust domain in capitals': (healthy) =>
    resource(healthy, { trustDomain: healthy.trustDomain.toUpperCase() }),
  'a trust domain with spiffe://': (healthy) =>
    resource(healthy, { trustDomain: `spiffe://${healthy.trustDomain}` }),
  'a trust domain with a path': (healthy) => resource(healthy, { trustDomain: `${healthy.trustDomain}/ns` }),
  'a trust domain with a blank': (healthy) => resource(healthy, { trustDomain: `${healthy.trustDomain} ` }),
  'a trust domain of 254 characters': (healthy) => resource(healthy, { trustDomain: 'x'.repeat(254) }),
  'the deny-all trust domain': (healthy) => resource(healthy, { trustDomain: 'deny-all.invalid' }),
  'no bundles': (healthy) => resource(healthy, { caBundles: undefined }),
  'an empty list of bundles': (healthy) => resource(healthy, { caBundles: [] }),
  'bundles that are a mapping': (healthy) => resource(healthy, { caBundles: bundle(healthy.pem) }),
  'a bundle that is text': (healthy) => resource(healthy, { caBundles: [bundle(healthy.pem), healthy.pem] }),
  'a bundle that is null': (healthy) => resource(healthy, { caBundles: [bundle(healthy.pem), null] }),
  'a bundle of another type': (healthy) =>
    resource(healthy, { caBundles: [bundle(healthy.pem), { ...bundle(healthy.pem), type: 'Pkcs12' }] }),
  'a bundle without a PEM': (healthy) =>
    resource(healthy, { caBundles: [bundle(healthy.pem), { type: 'Pem' }] }),
  'a PEM without a value': (healthy) => resource(healthy, { caBundles: [bundle(undefined)] }),
  'a PEM that is a number': (healthy) => resource(healthy, { caBundles: [bundle(healthy.pem), bundle(7)] }),
  'a PEM that is a list': (healthy) => resource(healthy, { caBundles: [bundle([healthy.pem])] }),
  'more than 1,000 certificates': (healthy) =>
    resource(healthy, { caBundles: [bundle(healthy.pem.repeat(1_001))] }),
  'a document above 1 MiB': (healthy) => resource(healthy, {}, { note: 'x'.repeat(1024 * 1024) }),
};

/** Documents that parse but are not a valid MeshTrust. Written as JSON, which is also YAML. */
export const brokenResources: readonly BrokenInput[] = Object.entries(resources).map(([name, make]) => ({
  name,
  file: (healthy) => `${JSON.stringify(make(healthy), undefined, 2)}\n`,
  ca: 'lost',
}));
