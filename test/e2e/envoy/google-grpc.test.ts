import { test } from 'node:test';
import { untilDecision } from '../../kit/tls-client.ts';
import { xdsTransports } from '../../kit/xds-transports.ts';
import {
  assertLetIn,
  assertNothingRejected,
  assertRefused,
  eachEnvoy,
  skipWithoutEnvoys as skip,
} from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startStage } from './stage.ts';

const [a, b] = [makeDomain('a.test'), makeDomain('b.test')];

for (const transport of xdsTransports)
  test(
    `Envoy whose client is Google's gRPC library, ${transport}: gets the trust and its changes`,
    { skip },
    async (t) => {
      await using stage = await startStage({
        files: { 'a.yaml': a.yaml() },
        args: [`--xds-transport=${transport}`],
        envoy: { grpcClient: 'google_grpc' },
      });
      await eachEnvoy(t, stage.envoys, async (envoy) => {
        await assertLetIn(envoy.port, a.client);
        await assertRefused(envoy.port, b.client);
      });
      await stage.files.overwrite('b.yaml', b.yaml());
      await eachEnvoy(t, stage.envoys, async (envoy) => {
        await untilDecision(envoy.port, b.client, 'accepted');
        await assertNothingRejected(envoy);
      });
    },
  );
