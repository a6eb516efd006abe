/**
 * Takes the pictures of the page in the README from a running server with proxies: `node scripts/screenshots.ts`.
 * Needs Chromium, as the tests do (CONTRIBUTING.md).
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openBrowser } from '../test/e2e/page/browser.ts';
import { findChromium } from '../test/e2e/page/find-chromium.ts';
import { playProxies } from '../test/e2e/page/played-proxies.ts';
import { makeCa } from '../test/kit/certificates.ts';
import { meshTrustYaml } from '../test/kit/mesh-trust-text.ts';
import { startMeshtrust } from '../test/kit/meshtrust.ts';
import { makeTempDir } from '../test/kit/temp-dir.ts';

const folder = fileURLToPath(new URL('../docs/images', import.meta.url));
const day = 86_400_000;

/** Trust of one mesh: three trust domains, of which one rotates its CA and one has a CA that expires soon. */
async function writeTrust(join: (name: string) => string): Promise<void> {
  const ca = (commonName: string, days: number) =>
    makeCa({ commonName, notAfter: new Date(Date.now() + days * day) }).certPem;
  const domains = {
    'payments.example': [ca('Payments CA 2026', 900), ca('Payments CA 2025', 200)],
    'zone-2.example': [ca('Zone 2 CA', 1500)],
    'partners.example': [ca('Partners CA', 12)],
  };
  for (const [trustDomain, pems] of Object.entries(domains)) {
    const name = trustDomain.replaceAll('.', '-');
    await writeFile(join(`${name}.yaml`), meshTrustYaml({ name, trustDomain, pems }));
  }
}

if (import.meta.main) {
  await using dir = await makeTempDir();
  await writeTrust((name) => dir.join(name));
  await using server = await startMeshtrust({ dirs: [dir.path] });
  using proxies = playProxies(`127.0.0.1:${server.xdsPort}`, 24);
  await using browser = await openBrowser(await findChromium());
  const { page } = browser;
  await page.setViewport({ width: 1200, height: 800, deviceScaleFactor: 1 });
  await mkdir(folder, { recursive: true });
  proxies.acknowledge(() => true);
  for (const scheme of ['light', 'dark']) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(`http://127.0.0.1:${server.adminPort}/`);
    await page.waitForFunction('/24 of 24 proxies in sync/.test(document.body.innerText)');
    await page.screenshot({ path: `${folder}/page-${scheme}.png` });
    console.log(`docs/images/page-${scheme}.png`);
  }
}
