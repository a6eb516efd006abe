import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeCa, makeIntermediate } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { writeFile } from 'node:fs/promises';
import { openBrowser } from './browser.ts';
import { findChromium } from './find-chromium.ts';
import { playProxies } from './played-proxies.ts';

const found = await findChromium();
const skip = found.kind === 'missing' ? found.reason : false;

/** The page with something of everything on it. */
async function openFullPage() {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const ca = makeCa({ commonName: 'Root' });
  const pems = [
    ca.certPem,
    makeIntermediate(makeCa()).certPem,
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  ];
  await writeFile(dir.join('a.yaml'), meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems }));
  const server = stack.use(await startMeshtrust({ dirs: [dir.path] }));
  const origin = `http://127.0.0.1:${server.adminPort}`;
  stack.use(playProxies(`127.0.0.1:${server.xdsPort}`, 3));
  const browser = stack.use(await openBrowser(found));
  await browser.page.goto(`${origin}/#/mesh/default`);
  await browser.page.waitForSelector('.proxies tbody tr');
  await browser.page.waitForSelector('.findings summary');
  await browser.page.waitForSelector('.rollout');
  const owned = stack.move();
  return { ...browser, origin, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Contrast of each text that is seen with what is behind it (WCAG 2.2, 1.4.3), the lowest first. */
function contrasts(): { readonly text: string; readonly ratio: number }[] {
  const parse = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string): number => {
    const [r = 0, g = 0, b = 0] = parse(color)
      .slice(0, 3)
      .map((value) => value / 255)
      .map((value) => (value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backOf = (element: Element | null): string => {
    if (element === null) return 'rgb(255, 255, 255)';
    const { backgroundColor } = getComputedStyle(element);
    return backgroundColor === 'rgba(0, 0, 0, 0)' ? backOf(element.parentElement) : backgroundColor;
  };
  const found: { text: string; ratio: number }[] = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue?.trim() !== '');
    if (!own || element.namespaceURI !== 'http://www.w3.org/1999/xhtml') continue;
    if (element.matches('.skip, .unseen, noscript, :disabled')) continue;
    const [a, b] = [luminance(getComputedStyle(element).color), luminance(backOf(element))];
    found.push({
      text: element.textContent.trim().slice(0, 40),
      ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
    });
  }
  return found.sort((a, b) => a.ratio - b.ratio);
}

suite('page: security, accessibility and small screens', { skip }, () => {
  test('requests: go to its own server only, without a violation of its policy', async () => {
    await using browser = await openFullPage();
    assert.ok(browser.requested.length > 10);
    for (const url of browser.requested) assert.ok(url.startsWith(browser.origin), url);
    assert.deepEqual(browser.problems, []);
    const policy = (await fetch(`${browser.origin}/`)).headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'self' 'sha256-/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  });

  test('markup in names: is not executed', async () => {
    await using browser = await openFullPage();
    const ran = await browser.page.evaluate(() => {
      const script = document.createElement('script');
      try {
        script.textContent = 'globalThis.ran = true';
        document.body.append(script);
      } catch {
        // Trusted types refuse it even before the policy does.
      }
      return Reflect.get(globalThis, 'ran') as unknown;
    });
    assert.equal(ran, undefined);
  });

  for (const scheme of ['light', 'dark'] as const) {
    test(`contrast: ${scheme}`, async () => {
      await using browser = await openFullPage();
      await browser.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      const all = await browser.page.evaluate(contrasts);
      assert.ok(all.length > 30, `only ${all.length} texts`);
      assert.deepEqual(
        all.filter(({ ratio }) => ratio < 4.5),
        [],
      );
      const back = await browser.page.$eval('body', (body) => getComputedStyle(body).backgroundColor);
      assert.equal(Number(/\d+/.exec(back)?.[0]) > 128, scheme === 'light');
      await browser.screenshot(`page-${scheme}`);
    });
  }

  test('keyboard: reaches everything, and the focus is visible', async () => {
    await using browser = await openFullPage();
    const { page } = browser;
    const visited: string[] = [];
    for (let press = 0; press < 30; press += 1) {
      await page.keyboard.press('Tab');
      const { name, ring } = await page.evaluate(() => {
        const element = document.activeElement;
        const name = element?.closest('[class]')?.className ?? '';
        return {
          name: `${element?.tagName.toLowerCase() ?? ''} ${name}`.trim(),
          ring: element === null ? '' : getComputedStyle(element).outlineStyle,
        };
      });
      visited.push(name);
      assert.notEqual(ring, 'none', name);
      if (name === 'input filter') break;
      if (name.startsWith('summary') && visited.filter((one) => one === name).length === 1) {
        await page.keyboard.press('Enter');
      }
    }
    assert.equal(visited[0], 'a skip');
    assert.ok(visited.includes('input find') && visited.includes('a crumbs'), visited.join(', '));
    assert.equal(visited.at(-1), 'input filter', visited.join(', '));
    assert.equal(await page.$eval('.findings details', (details) => details.open), true);
  });

  test('keyboard: a link leads into the new view, and a search keeps the focus in its field', async () => {
    await using browser = await openFullPage();
    const { page, origin } = browser;
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.id ?? '');
    await page.goto(`${origin}/#/`);
    await page.waitForSelector('.meshes a');
    await page.focus('.meshes a');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.proxies tbody tr');
    assert.equal(await focused(), 'content');
    await page.keyboard.press('o');
    await page.waitForSelector('.meshes a');
    assert.equal(await focused(), 'content');
    await page.type('.find input', 'root');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => /results? for/.test(document.body.innerText));
    assert.equal(await page.evaluate(() => document.activeElement?.matches('.find input')), true);
  });

  test('screen reader: one main heading, names for controls, headers for tables', async () => {
    await using browser = await openFullPage();
    const problemsOf = (): Promise<readonly string[]> =>
      browser.page.evaluate(() => {
        const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
        const nameless = all('input, select').filter(
          (field) => (field as HTMLInputElement).labels?.length === 0,
        );
        return [
          ...(document.documentElement.lang === 'en' ? [] : ['no language']),
          ...(all('h1').length === 1 ? [] : ['not one h1']),
          ...(all('main').length === 1 && all('nav[aria-label]').length === 1 ? [] : ['landmarks']),
          ...nameless.map((field) => `no label: ${field.outerHTML}`),
          ...all('button, summary, a')
            .filter((one) => one.checkVisibility() && one.innerText.trim() === '')
            .map((one) => one.outerHTML),
          ...all('img:not([alt])').map((image) => image.outerHTML),
          ...all('th:not([scope])').map((cell) => `no scope: ${cell.innerText}`),
          ...all('svg:not([aria-hidden]):not([role])').map(() => 'a drawing without a meaning'),
          ...(all('[aria-live]').length > 0 ? [] : ['nothing is announced']),
          // A status is announced by itself in theory; some screen readers need both attributes.
          ...all('[role=status]:not([aria-live])').map(
            (one) => `status that is not announced: ${one.outerHTML}`,
          ),
          // A time changes at each tick, and another role makes a heading none.
          ...all('[aria-live] time').map((one) => `announced each second: ${one.outerHTML}`),
          ...all(':is(h1, h2, h3)[role]').map((one) => `no heading: ${one.outerHTML}`),
        ];
      });
    for (const view of ['#/mesh/default', '#/', '#/search/root']) {
      await browser.page.evaluate((fragment) => (location.hash = fragment), view);
      await browser.page.waitForFunction(
        () => !/Loading…|Searching…/.test(document.body.innerText) && document.querySelector('main h2'),
      );
      assert.deepEqual(await problemsOf(), [], view);
    }
  });

  test('small screen: nothing is cut off or scrolls sideways', async () => {
    await using browser = await openFullPage();
    await browser.page.setViewport({ width: 380, height: 800 });
    const [wide, width] = await browser.page.evaluate(() => [
      document.documentElement.scrollWidth,
      innerWidth,
    ]);
    assert.equal(wide, width);
  });
});
