import assert from 'node:assert/strict';
import { platform } from 'node:process';
import { suite, test } from 'node:test';
import { runSoak } from '../../kit/soak/run-soak.ts';
import { xdsTransports } from '../../kit/xds-transports.ts';

// `npm run soak` does the same for an hour with 2,000 proxies.
suite(
  'proxies that come, go, lag, refuse and reconnect over a bad network',
  { skip: platform !== 'linux' },
  () => {
    for (const transport of xdsTransports)
      test(`a change each second, ${transport}: every proxy gets the last one, and no descriptor is left`, async () => {
        const report = await runSoak({ seconds: 12, proxies: 40, transport, lifetimeMs: 4000 });
        assert.equal(report.missed, 0);
        assert.ok(report.cuts > 0 && report.refused > 0 && report.connections > 40, JSON.stringify(report));
        assert.ok(report.descriptors.after <= report.descriptors.before, JSON.stringify(report.descriptors));
      });
  },
);
