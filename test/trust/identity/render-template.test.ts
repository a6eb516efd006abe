import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { renderTemplate } from '../../../src/trust/identity/render-template.ts';

const values = {
  mesh: 'default',
  zone: 'zone-1',
  labels: {
    'kuma.io/mesh': 'default',
    'kuma.io/zone': 'zone-1',
    team: 'Pay',
    empty: '',
    odd: '}}',
    long: 'x'.repeat(1000),
    longest: 'x'.repeat(3_000_000),
  },
};

const notUnderstood = 'an action is not understood: only .Mesh, .Zone and label "key" are';
const noLabel = 'it uses a label that the resource does not have';
const notClosed = 'an action is not closed';

/** The texts are those of Go's text/template for the same values. */
const texts: readonly (readonly [template: string, text: string])[] = [
  ['{{ .Mesh }}.{{ .Zone }}.mesh.local', 'default.zone-1.mesh.local'],
  ['{{.Mesh}}.{{.Zone}}.mesh.local', 'default.zone-1.mesh.local'],
  ['{{- .Mesh -}} . {{- .Zone }}.mesh.local', 'default.zone-1.mesh.local'],
  ['{{ label "kuma.io/mesh" }}.{{ label "kuma.io/zone" }}.mesh.local', 'default.zone-1.mesh.local'],
  ['{{ label `kuma.io/zone` }}.x', 'zone-1.x'],
  ['{{/* c */}}example.org', 'example.org'],
  ['{{- /* }} " */ -}} example.org', 'example.org'],
  ['{ .Mesh }.x', '{ .Mesh }.x'],
  ['}}', '}}'],
  ['{{ label "team" }}.x', 'Pay.x'],
  ['{{ label "empty" }}x', 'x'],
  ['{{ label "odd" }}x', '}}x'],
  ['', ''],
  ['{{ .Mesh }}\n', 'default\n'],
  ['a \n{{- .Mesh -}}\t b', 'adefaultb'],
  [`${' '.repeat(4000)}x {{- .Mesh }}`, `${' '.repeat(4000)}xdefault`],
];

const failures: readonly (readonly [template: string, reason: string])[] = [
  ['{{ label "nope" }}.x', noLabel],
  ['{{ label "toString" }}.x', noLabel],
  ['{{ .Namespace }}.x', notUnderstood],
  ['{{ .mesh }}.x', notUnderstood],
  ['{{ .Mesh', notClosed],
  ['{{ "}}', notClosed],
  ['{{/* x', notClosed],
  ['{{ .Mesh|1 }}', notUnderstood],
  ['{{ upper .Mesh }}', notUnderstood],
  ['{{ printf "%s.%s" .Mesh .Zone }}.x', notUnderstood],
  ['{{ if eq .Zone "zone-1" }}a{{ else }}b{{ end }}.x', notUnderstood],
  ['{{ $x := .Mesh }}{{ $x }}.x', notUnderstood],
  ['{{ "a" }}.x', notUnderstood],
  ['{{}}', notUnderstood],
  ['{{-.Mesh}}', notUnderstood],
  ['{{ label "a" "b" }}', notUnderstood],
  ['{{ label "a\\x62" }}', notUnderstood],
  ['x'.repeat(4097), 'it has more than 4096 characters'],
  [`${' '.repeat(4090)}{{- .Mesh }}`, 'it has more than 4096 characters'],
  [`{{ label "long" }}${'x'.repeat(3500)}`, 'its text has more than 4096 characters'],
  ['{{ label "long" }}'.repeat(5), 'its text has more than 4096 characters'],
  ['{{ label "longest" }}'.repeat(190), 'its text has more than 4096 characters'],
];

suite('trust domain template', () => {
  for (const [template, text] of texts)
    test(`${JSON.stringify(template).slice(0, 80)} → ${JSON.stringify(text)}`, () => {
      assert.deepEqual(renderTemplate(template, values), { kind: 'text', text });
    });

  for (const [template, reason] of failures)
    test(`${JSON.stringify(template).slice(0, 80)} → fails`, () => {
      assert.deepEqual(renderTemplate(template, values), { kind: 'failed', reason });
    });

  test('the zone is used and not known → zone-unknown, and no guess', () => {
    const withoutZone = { ...values, zone: undefined };
    assert.deepEqual(renderTemplate('{{ .Mesh }}.{{ .Zone }}', withoutZone), { kind: 'zone-unknown' });
    assert.deepEqual(renderTemplate('{{ .Mesh }}.x', withoutZone), { kind: 'text', text: 'default.x' });
  });
});
