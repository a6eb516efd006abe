import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import { startForwarder } from '../../kit/forwarder.ts';
import { findChromium } from './find-chromium.ts';
import { openPage, put } from './scene.ts';

const found = await findChromium();
const skip = found.kind === 'missing' ? found.reason : false;
const next = makeCa({ commonName: 'Root 2' });
/** More than the 20 s within which the page notices it. */
const patienceMs = 40_000;

suite('an event stream that is silent while the server answers, in Chromium', { skip }, () => {
  for (const hasWorkers of [true, false])
    test(`is shown as lost and opened again, ${hasWorkers ? 'in a shared worker' : 'without shared workers'}`, async () => {
      await using scene = await openPage();
      const { dir, server, browser, says } = scene;
      const { page } = browser;
      await using forwarder = await startForwarder(server.adminPort);
      if (!hasWorkers)
        await page.evaluateOnNewDocument(() => Reflect.deleteProperty(globalThis, 'SharedWorker'));
      await page.goto(`http://127.0.0.1:${forwarder.port}/#/mesh/default`);
      await says('live');
      await says('Root 1');
      assert.equal(forwarder.silence('GET /api/v1/events '), 1);
      await put(dir, 'b.test', [next.certPem]);
      await says(/This is the state of \d\d:\d\d:\d\d UTC,\s+\d+ s ago/, patienceMs);
      await says('live');
      await says('Root 2');
      // The page closed the silent stream itself.
      const url = `http://127.0.0.1:${forwarder.port}/api/v1/events`;
      assert.deepEqual(browser.problems, hasWorkers ? [] : [`${url}: net::ERR_ABORTED`]);
    });
});
