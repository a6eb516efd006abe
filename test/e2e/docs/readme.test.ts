import { mkdir, symlink } from 'node:fs/promises';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import { findEnvoy } from '../../kit/find-envoy.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import type { PageStage } from './page-stage.ts';
import { edges, serve, settled } from './proxies.ts';
import { missingTools, runPage } from './run-page.ts';

const envoy = await findEnvoy('newest');
const trust = 'examples/trust';

/** Links the Envoy of the tests to where pip installs it. */
async function installEnvoy({ path }: PageStage): Promise<void> {
  if (envoy.kind !== 'found') return;
  await mkdir(path('envoy/bin'), { recursive: true });
  await symlink(envoy.path, path('envoy/bin/envoy'));
}

/** Of two proxies, the first rejects what it is sent. */
async function withRejection(stage: PageStage): Promise<void> {
  const server = await stage.serve([trust]);
  const proxies = stage.proxies('edge-7', 'edge-8');
  proxies.refuseNext(0, 'not for me');
  await server.logged('the rejection', ({ event }) => event === 'nack');
  await settled(server, 2);
}

/** A client of trust domain example.org, whose certificate is of an intermediate. */
async function withLeaf(stage: PageStage): Promise<void> {
  const organisation = [['O', 'Example Organisation']] as const;
  const ca = makeCa({ subject: [...organisation, ['CN', 'Example Organisation CA']] });
  const issuing = makeIntermediate(ca, { commonName: 'Issuing CA' });
  const leaf = makeLeaf(issuing, { commonName: 'web', spiffeId: 'spiffe://example.org/web' });
  const text = meshTrustYaml({ name: 'example-org', trustDomain: 'example.org', pems: [ca.certPem] });
  await Promise.all([
    stage.write('/etc/meshtrust/example-org.yaml', text),
    stage.write('web.pem', leaf.certPem),
    stage.write('issuing.pem', issuing.certPem),
  ]);
  await stage.serve(['/etc/meshtrust/example-org.yaml']);
}

runPage({
  page: 'README.md',
  skip: envoy.kind === 'missing' ? envoy.reason : missingTools('script'),
  commands: {
    'npm ci && npm start': {
      instead: ['npm start', 'npm ci downloads packages: the copy has those of the checkout'],
      until: /ready: trust is served/,
    },
    'npm ci && npm test': { notRun: 'it is this run', coveredBy: 'test/run-tests.ts' },
    'npm pack && npm install --global ./meshtrust-*.tgz': {
      notRun: 'it changes the machine, and downloads packages',
      coveredBy: 'test/e2e/packaging/npm.test.ts',
    },
    'npm run build:executable': {
      notRun: 'it takes a minute',
      coveredBy: 'test/e2e/packaging/executable.test.ts',
    },
    'docker build --tag registry.example/meshtrust:0.1.0 .': {
      notRun: 'it needs Docker',
      coveredBy: 'test/e2e/packaging/dockerfile.test.ts',
    },
    'helm install meshtrust deploy/helm/meshtrust --namespace meshtrust-system --create-namespace --set image.repository=registry.example/meshtrust':
      { notRun: 'it needs a cluster', coveredBy: 'test/e2e/cluster/chart.test.ts' },
    'npm run --silent meshtrust -- demo --envoy envoy/bin/envoy': {
      prepare: installEnvoy,
      until: 'output',
      varies: ['folder', 'version', 'port', 'age'],
    },
    // Like `diff`, it exits with 1 if there is a difference.
    'meshtrust diff examples/trust': {
      exitCode: 1,
      prepare: (stage) =>
        serve(stage, ['examples/trust/example-org-trust.yaml'], ['edge-7', 'edge-8', 'edge-9']),
    },
    'meshtrust proxy-status': { prepare: withRejection, varies: ['age', 'width'] },
    'meshtrust verify --leaf web.pem --chain issuing.pem --mesh default': {
      prepare: withLeaf,
      varies: ['hash', 'date'],
    },
    'meshtrust revoke f5c7fd0a9a1640ae --distrust /etc/meshtrust/distrusted': {
      prepare: async (stage) => {
        await stage.write('/etc/meshtrust/distrusted', '');
        await serve(stage, [trust], edges(40), '--distrust=/etc/meshtrust/distrusted');
      },
      answers: [/\[y\/N\] $/, 'y'],
      varies: ['progress'],
    },
  },
});
