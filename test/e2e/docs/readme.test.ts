import { mkdir, symlink } from 'node:fs/promises';
import { findEnvoy } from '../../kit/find-envoy.ts';
import type { PageStage } from './page-stage.ts';
import { commonCommands } from './scenes.ts';
import { missingTools, runPage } from './run-page.ts';

const envoy = await findEnvoy('newest');

/** Links the Envoy of the tests to where pip installs it. */
async function installEnvoy({ path }: PageStage): Promise<void> {
  if (envoy.kind !== 'found') return;
  await mkdir(path('envoy/bin'), { recursive: true });
  await symlink(envoy.path, path('envoy/bin/envoy'));
}

runPage({
  page: 'README.md',
  skip: envoy.kind === 'missing' ? envoy.reason : missingTools('script'),
  commands: {
    ...commonCommands,
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
    'npm run --silent meshtrust -- demo --envoy envoy/bin/envoy': {
      prepare: installEnvoy,
      until: 'output',
      varies: ['folder', 'version', 'port', 'age'],
    },
  },
});
