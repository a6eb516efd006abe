import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { NackDetail, ProxyDetail, ProxySecret, StreamDetail } from '../api/fleet-api-types.ts';
import { count, distance, short, sinceText } from './format.ts';
import type { Actions, PageState } from './page-state.ts';
import { historyOf } from './proxy-history.ts';
import { viewCopy, viewTime } from './view-parts.ts';
import { linkTo } from './route.ts';

const endings = {
  closed: 'the proxy closed it',
  silence: 'it broke, or the proxy stopped responding',
  server: 'this server ended it',
} as const;

/** Shows one proxy: its streams and their secrets, its last NACK, and its history. */
export function viewProxyPage(state: PageState, actions: Actions): TemplateResult {
  const { proxy, now } = state;
  if (proxy === undefined) return html`<p class="faint">Loading…</p>`;
  return html`
    <section class="verdict ${toneOf(proxy)}">
      <div class="heading">
        <h2><code>${proxy.node}</code></h2>
        ${viewCopy(proxy.node, 'the node ID', state, actions)}
        <span class="badge ${proxy.state}">${proxy.state}</span>
        ${proxy.behindSince === undefined ? nothing : html`<span class="faint">${sinceText(proxy.behindSince, now)}</span>`}
      </div>
      ${viewFigures(proxy, now)} ${viewAlsoIn(proxy)}
    </section>
    ${proxy.lastNack === undefined ? nothing : viewNack(proxy.lastNack, proxy.nacks, now)}
    ${proxy.streams.map((stream, index) => viewStream(stream, index, now))} ${viewHistory(proxy, now)}
  `;
}

function toneOf({ state }: ProxyDetail): string {
  if (state === 'synced') return 'good';
  return state === 'pending' || state === 'reconnecting' ? 'warn' : state === 'disconnected' ? '' : 'bad';
}

function viewFigures(proxy: ProxyDetail, now: number): TemplateResult {
  const { mesh, address, version, servedVersion, connectedAt, disconnectedAt, ending } = proxy;
  return html`<dl class="figures">
    <div>
      <dt>Mesh</dt>
      <dd><a href=${linkTo({ kind: 'mesh', mesh })}>${mesh}</a></dd>
    </div>
    <div>
      <dt>Proxy</dt>
      <dd>${proxy.proxy} <small>${address}</small></dd>
    </div>
    ${
      proxy.identity === undefined
        ? nothing
        : html`<div>
            <dt>Identity</dt>
            <dd>${proxy.identity}</dd>
          </div>`
    }
    ${
      disconnectedAt === undefined
        ? html`<div>
            <dt>Connected</dt>
            <dd>${viewTime(connectedAt, now)}</dd>
          </div>`
        : html`<div>
            <dt>Connection ended</dt>
            <dd>
              ${viewTime(disconnectedAt, now)}
              ${ending === undefined ? nothing : html`<small>${endings[ending]}</small>`}
            </dd>
          </div>`
    }
    <div>
      <dt>Acknowledged version</dt>
      <dd class="mono" title=${version ?? ''}>${version === undefined ? 'unknown' : short(version)}</dd>
    </div>
    <div>
      <dt>Served version</dt>
      <dd class="mono" title=${servedVersion ?? ''}>
        ${servedVersion === undefined ? '—' : short(servedVersion)}
      </dd>
    </div>
  </dl>`;
}

function viewAlsoIn({ node, alsoIn = [] }: ProxyDetail): TemplateResult | typeof nothing {
  if (alsoIn.length === 0) return nothing;
  return html`<p>
    A proxy with this node ID is also connected in
    ${alsoIn.map((mesh) => html`<a href=${linkTo({ kind: 'proxy', mesh, node })}>${mesh}</a> `)}
  </p>`;
}

function viewNack(
  { at, secret, version, code, message }: NackDetail,
  nacks: number,
  now: number,
): TemplateResult {
  return html`<section aria-labelledby="nack">
    <h2 id="nack">${nacks === 1 ? 'NACK' : `Last of ${count(nacks, 'NACK')}`}</h2>
    <p class="faint">
      ${viewTime(at, now)} · secret <code>${secret}</code>${
        version === undefined ? nothing : html` · version <code title=${version}>${short(version)}</code>`
      }
      · gRPC status ${code}
    </p>
    <blockquote>${message}</blockquote>
  </section>`;
}

function viewStream(
  { transport, address, openedAt, endedAt, ending, secrets }: StreamDetail,
  index: number,
  now: number,
): TemplateResult {
  return html`<section aria-labelledby="stream-${index}">
    <h2 id="stream-${index}">Stream: ${transport}</h2>
    <p class="faint">
      From ${address}, opened
      ${viewTime(openedAt, now)}${
        endedAt === undefined
          ? nothing
          : html`, ${ending === 'server' ? 'ended by the server' : 'broken'} ${viewTime(endedAt, now)}, and
            not opened again`
      }
    </p>
    ${
      secrets.length === 0
        ? html`<p>
            ${endedAt === undefined ? 'The stream has not subscribed to a secret.' : 'Its secrets are not known.'}
          </p>`
        : html`<table class="cards secrets">
            <thead>
              <tr>
                <th scope="col">Secret</th>
                <th scope="col">State</th>
                <th scope="col">Sent</th>
                <th scope="col">Acknowledged</th>
              </tr>
            </thead>
            <tbody>
              ${secrets.map((secret) => viewSecret(secret, now))}
            </tbody>
          </table>`
    }
  </section>`;
}

function viewSecret(secret: ProxySecret, now: number): TemplateResult {
  const { name, sentVersion, sentAt, ackedVersion, ackedAt, ackMs, servedVersion } = secret;
  const isSynced = ackedVersion !== undefined && ackedVersion === servedVersion;
  return html`<tr>
    <th scope="row"><code>${name}</code></th>
    <td data-label="State">
      ${isSynced ? html`<span class="badge good">in sync</span>` : html`<span class="badge warn">behind</span>`}
    </td>
    <td data-label="Sent">${viewVersion(sentVersion, sentAt, now)}</td>
    <td data-label="Acknowledged">
      ${viewVersion(ackedVersion, ackedAt, now)}${
        ackMs === undefined ? nothing : html` <span class="faint">after ${ackMs} ms</span>`
      }
    </td>
  </tr>`;
}

function viewVersion(version: string | undefined, at: string | undefined, now: number): TemplateResult {
  if (version === undefined) return html`—`;
  return html`<code title=${version}>${short(version)}</code>
    <span class="faint">${at === undefined ? '' : viewTime(at, now)}</span>`;
}

function viewHistory(proxy: ProxyDetail, now: number): TemplateResult {
  return html`<section aria-labelledby="history">
    <h2 id="history">History <small class="faint">UTC</small></h2>
    <ol class="history">
      ${historyOf(proxy).map(
        ({ at, what, isBad }) =>
          html`<li class=${isBad ? 'bad' : ''}>
            <time datetime=${at}>${at.slice(0, 10)} ${at.slice(11, 19)}</time>
            <span>${what}</span> <span class="faint">${distance(Date.parse(at), now)}</span>
          </li>`,
      )}
    </ol>
  </section>`;
}
