import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hints } from '../trust/findings/hints.ts';
import { jsonReply } from './reply.ts';
import type { Reply } from './reply.ts';
import type { Route } from './router.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
};

/** Allows nothing from other origins, nothing inline except the import map, and no embedding in other pages. */
const policyOf = (importMap: string): string =>
  [
    "default-src 'none'",
    `script-src 'self' 'sha256-${createHash('sha256').update(importMap).digest('base64')}'`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types lit-html meshtrust',
  ].join('; ');

/** The policy of the shared worker, which loads modules and listens to events. */
const workerPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'";

const folder = new URL('../page/', import.meta.url);

/**
 * Reads the page and everything that it loads into memory: `/`, and the files below `/ui/`. In a checkout its modules
 * are served with their types stripped; a package contains them compiled.
 * @throws {Error} when a file of the program is missing.
 */
export async function loadPage(): Promise<readonly Route[]> {
  const files = (await readdir(folder)).filter(
    (file) => extname(file) in contentTypes && !file.endsWith('.d.ts'),
  );
  const assets = await Promise.all(
    files.map(async (file): Promise<readonly [path: string, reply: Reply]> => [
      `/ui/${file}`,
      await assetOf(file),
    ]),
  );
  const litHtml = await readFile(fileURLToPath(import.meta.resolve('lit-html')), 'utf8');
  const entry = files.find((file) => /^main\.[jt]s$/.test(file)) ?? 'main.js';
  return [
    route('/', await pageOf(entry)),
    route('/ui/lit-html.js', ok('text/javascript; charset=utf-8', litHtml)),
    route('/ui/hints.json', jsonReply(hints)),
    ...assets.map(([path, reply]) => route(path, reply)),
  ];
}

async function pageOf(entry: string): Promise<Reply> {
  const importMap = JSON.stringify({ imports: { 'lit-html': '/ui/lit-html.js' } });
  const scripts = `<script type="importmap">${importMap}</script>\n    <script type="module" src="/ui/${entry}"></script>`;
  const template = await readFile(new URL('index.html', folder), 'utf8');
  const page = template.replace('<!-- import map and entry -->', scripts);
  return {
    ...ok('text/html; charset=utf-8', page),
    headers: { 'Content-Security-Policy': policyOf(importMap), 'Referrer-Policy': 'no-referrer' },
  };
}

async function assetOf(file: string): Promise<Reply> {
  const text = await readFile(new URL(file, folder), 'utf8');
  const contentType = contentTypes[extname(file)] ?? '';
  const reply = ok(contentType, file.endsWith('.ts') ? stripTypeScriptTypes(text) : text);
  if (!file.startsWith('event-worker.')) return reply;
  return { ...reply, headers: { 'Content-Security-Policy': workerPolicy } };
}

function ok(contentType: string, body: string): Reply {
  return { status: 200, contentType, body };
}

function route(pattern: string, reply: Reply): Route {
  return { method: 'GET', pattern, answer: () => reply };
}
