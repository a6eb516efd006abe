import { test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { poll } from '../../kit/poll.ts';
import { assertNoKey, dumping, outputsOf } from '../../kit/private-keys.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { untilServed } from '../program/served.ts';
import { kumaIdentityCrd, kumaTrustCrd } from './kuma-crds.ts';
import { namespace, skip, startStage } from './stage.ts';

const source = (value: string): unknown => ({ type: 'InsecureInline', insecureInline: { value } });

/** Returns a MeshIdentity as JSON. */
function identity(name: string, trustDomain: string, ca: object): string {
  return JSON.stringify({
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshIdentity',
    metadata: { name, namespace },
    spec: {
      spiffeID: { trustDomain },
      provider: { type: 'Bundled', bundled: { insecureAllowSelfSigned: true, ...ca } },
    },
  });
}

/** Returns the Secret with the CA of a generated identity, as Kuma's control plane makes it. */
function secret(value: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'system.kuma.io/secret',
    metadata: { name: 'generated-root-ca', namespace, labels: { 'kuma.io/mesh': 'default' } },
    data: { value: Buffer.from(value).toString('base64') },
  });
}

test(
  'private keys in a MeshIdentity and in a Secret of a cluster: are in no memory, log, audit, metric, API, secret, state or Event',
  { skip },
  async () => {
    await using stage = await startStage(kumaTrustCrd);
    await using state = await makeTempDir();
    await using dumps = await makeTempDir();
    await stage.kubectl('apply -f -', kumaIdentityCrd);
    await stage.kubectl('wait --for=condition=Established --timeout=30s crd/meshidentities.kuma.io');
    const rights = JSON.parse(await stage.kubectl('get role meshtrust -o json')) as { rules: object[] };
    const verbs = ['list', 'watch'];
    rights.rules.push(
      { apiGroups: ['kuma.io'], resources: ['meshidentities'], verbs },
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['generated-root-ca'], verbs },
    );
    await stage.kubectl('replace -f -', JSON.stringify(rights));

    const names = ['1', '2', '3', '4', '5'];
    const [first, second, third, fourth, fifth] = names.map((commonName) => makeCa({ commonName })) as [
      Certificate,
      Certificate,
      Certificate,
      Certificate,
      Certificate,
    ];
    // `kubectl apply` also copies the object into an annotation.
    const inline = ({ certPem, keyPem }: Certificate): object => ({
      ca: { certificate: source(certPem), privateKey: source(keyPem) },
    });
    const put = async (ca: Certificate, ofSecret: string): Promise<void> => {
      await stage.kubectl('apply -f -', identity('inline', 'inline.test', inline(ca)));
      await stage.kubectl('apply -f -', secret(ofSecret));
    };
    await stage.kubectl(
      'apply -f -',
      identity('generated', 'generated.test', { autogenerate: { enabled: true } }),
    );
    // This one stays as the first list has it.
    await stage.kubectl('apply -f -', identity('same', 'same.test', inline(fifth)));
    await put(first, second.certPem);
    const server = await stage.meshtrust({
      args: [
        '--identities',
        '--identity-linger=0',
        `--identity-secret=${namespace}/generated-root-ca`,
        '--log-level=debug',
        `--state-dir=${state.path}`,
      ],
      ...dumping(dumps.path),
    });
    await untilServed(server, ['generated.test: 2', 'inline.test: 1', 'same.test: 5'], 30_000);
    // Versions that replace the ones before, which the watches deliver. A Secret with a key is no source of a CA.
    await put(third, fourth.certPem + fourth.keyPem);
    await server.logged('the Secret with a key', ({ code }) => code === 'MT071', 60_000);
    await untilServed(server, ['generated.test: 2', 'inline.test: 3', 'same.test: 5'], 30_000);
    await server.logged('the key', ({ code }) => code === 'MT075');
    const events = await poll('the Event about the key', async () => {
      const text = await stage.kubectl('get events.events.k8s.io -o json');
      return text.includes('MT075') ? text : undefined;
    });
    const outputs = await outputsOf(server, {
      dumps: dumps.path,
      stateDir: state.path,
      trustDomain: 'inline.test',
      ca: third,
      finding: 'MT075',
    });
    const objects = { text: await stage.kubectl('get leases,meshtrusts -o json'), has: 'Lease' };
    assertNoKey(
      { ...outputs, Events: { text: events, has: 'MT075' }, 'objects that it writes': objects },
      [first, third, fourth, fifth].map(({ keyPem }) => keyPem),
    );
  },
);
