import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Registry } from 'prom-client';
import { accessRefusals, statusOfRefusal } from '../../../src/access/claim.ts';
import { countDenied, createAuthFailures } from '../../../src/observe/metrics/auth-failures.ts';

suite('refused clients of the xDS port', () => {
  const registry = new Registry();
  const observer = countDenied(createAuthFailures(registry, 'xds'));
  const deny = (reason: string, isJudgedAgain: boolean): void =>
    observer.denied?.({
      transport: 'ads',
      address: '10.0.0.1:1',
      nodeId: 'n',
      code: 'UNAUTHENTICATED',
      reason,
      message: 'no',
      isJudgedAgain,
    });
  const countOf = async (reason: string): Promise<number | undefined> => {
    const [metric] = await registry.getMetricsAsJSON();
    return metric?.values.find(({ labels }) => labels['reason'] === reason)?.value;
  };

  for (const reason of accessRefusals)
    test(`${reason} (${statusOfRefusal[reason]}): counts, but not at the age of an open stream`, async () => {
      assert.equal(await countOf(reason), 0);
      deny(reason, true);
      assert.equal(await countOf(reason), 0);
      deny(reason, false);
      assert.equal(await countOf(reason), 1);
    });

  test('reason of another program: is not counted', async () => {
    deny('other', false);
    assert.equal(await countOf('other'), undefined);
  });
});
