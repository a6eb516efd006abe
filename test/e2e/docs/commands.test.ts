import { mkdir } from 'node:fs/promises';
import { makeCa } from '../../kit/certificates.ts';
import { findEnvoy } from '../../kit/find-envoy.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import type { PageStage } from './page-stage.ts';
import { missingTools, runPage } from './run-page.ts';
import { commonCommands, edges, serve, withRejection } from './scenes.ts';

const envoy = await findEnvoy('newest');

const completion = {
  notRun: 'it changes the shell of a person',
  coveredBy: 'test/cli/completion/completion.test.ts',
};
const executable = { notRun: 'it needs a release', coveredBy: 'test/e2e/packaging/executable.test.ts' };
const live = '/etc/meshtrust/trust';

/** A MeshTrust of zone 1, whose CA has just been replaced. */
function zoneTrust(): string {
  const pems = [1, 2].map(() => makeCa({ commonName: 'CA of zone-1' }).certPem);
  return meshTrustYaml({ name: 'zone-1', trustDomain: 'default.zone-1.mesh.local', pems });
}

async function installEnvoy(stage: PageStage): Promise<void> {
  if (envoy.kind === 'found') await stage.install('envoy', envoy.path);
}

/** A server that watches a folder, and a change that is not applied yet. */
async function withChange(stage: PageStage): Promise<void> {
  await Promise.all([mkdir(stage.path('trust')), mkdir(stage.path(live))]);
  await stage.write(`${live}/zone-1.yaml`, zoneTrust());
  await stage.write('trust/zone-1.yaml', zoneTrust());
  await serve(stage, [live], edges(3));
}

runPage({
  page: 'docs/commands.md',
  skip: envoy.kind === 'missing' ? envoy.reason : missingTools('jq', 'script'),
  commands: {
    ...commonCommands,
    'meshtrust demo --once': { prepare: installEnvoy, varies: ['folder', 'version', 'port', 'age'] },
    'meshtrust bundle examples/trust': { only: 'stdout' },
    'meshtrust verify --leaf web.pem --mesh default': { exitCode: 1, varies: ['hash', 'date'] },
    'meshtrust export --mesh default --trust-domain default.zone-1.mesh.local --for-zone zone-2 > zone-1.yaml':
      {
        prepare: async (stage) => {
          await stage.write('/etc/meshtrust/zone-1.yaml', zoneTrust());
          await stage.serve(['/etc/meshtrust/zone-1.yaml']);
        },
      },
    'meshtrust diff --add zone-1.yaml --server http://zone-2.example:5680': {
      prepare: (stage) => serve(stage, ['examples/trust'], edges(3)),
      exitCode: 1,
      varies: ['hash', 'date'],
    },
    'meshtrust check': { prepare: withRejection, exitCode: 1, varies: ['width'] },
    'version=$(meshtrust bundle trust/ -o json | jq -r .version)': { prepare: withChange },
    'kubectl apply -f trust/ && meshtrust wait --mesh default --version "$version"': {
      instead: [
        `cp trust/* ${live} && meshtrust wait --mesh default --version "$version"`,
        'the server watches a folder here: there is no cluster',
      ],
    },
    'envoy --mode validate --config-path envoy.yaml': {
      notRun: 'the files that it names do not exist',
      coveredBy: 'test/e2e/envoy/bootstrap.test.ts',
    },
    'source <(meshtrust completion bash)': completion,
    'meshtrust completion zsh > "${fpath[1]}/_meshtrust"': completion,
    'meshtrust completion fish > ~/.config/fish/completions/meshtrust.fish': completion,
    'mkdir -p ~/.local/lib ~/.local/bin': executable,
    'tar -xzf out/meshtrust-0.1.0-linux-x64.tar.gz -C ~/.local/lib': executable,
    'ln -s ~/.local/lib/meshtrust/bin/* ~/.local/bin/': executable,
    'kubectl meshtrust --namespace meshtrust-system check': {
      notRun: 'it needs a cluster',
      coveredBy: 'test/e2e/cluster/kubectl-plugin.test.ts',
    },
  },
});
