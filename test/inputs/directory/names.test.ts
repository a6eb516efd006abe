import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { isFolderName, isInputName, isSwapped, pathOfRoot } from '../../../src/inputs/directory/names.ts';
import { originOfPath } from '../../../src/trust/ledger/path-origin.ts';

test('files with extensions of YAML and JSON: are input', () => {
  for (const name of ['a.yaml', 'a.yml', 'a.json', 'a.b.yaml', 'A.yaml', 'ä b.yaml', '~a.yaml']) {
    assert.ok(isInputName(name), name);
  }
});

test('other files, hidden files and temporary files of editors: are not input', () => {
  const others = ['a.txt', 'a', 'yaml', 'a.yaml.bak', 'a.yaml.tmp', 'a.pem', ''];
  const leftBehind = ['.a.yaml', '.a.yaml.swp', '.#a.yaml', 'a.yaml~', '#a.yaml#', '4913', 'sedXyZ12a'];
  const ofMounts = ['..data', '..data_tmp', '..2026_11_23_06_00_00.123'];
  for (const name of [...others, ...leftBehind, ...ofMounts]) assert.ok(!isInputName(name), name);
});

test('directories: are read, unless they are hidden or have a name of an input file', () => {
  for (const name of ['zone', 'zone.d', 'yaml']) assert.ok(isFolderName(name), name);
  const others = ['.git', '..data', '..2026_11_23_06_00_00.123', 'zone~', '#zone#', 'a.yaml', 'lost+found'];
  for (const name of others) assert.ok(!isFolderName(name), name);
});

test('real path with a directory of the kubelet: is swapped', () => {
  assert.ok(isSwapped('/trust/..2026_11_23_06_00_00.123/sub/a.yaml'));
  for (const path of ['/trust/a.yaml', '/trust/.hidden/a.yaml', '../a.yaml', '/trust/a..b.yaml']) {
    assert.ok(!isSwapped(path), path);
  }
});

test('root with a colon in its first name: is absolute, so that its files are not taken for those of a peer', () => {
  for (const root of ['federation:default', 'import:zone/trust', 'a:b.yaml']) {
    assert.equal(pathOfRoot(root), resolve(root));
    assert.equal(originOfPath(`${pathOfRoot(root)}/a.yaml`), 'local');
  }
  for (const root of ['trust', './trust', '/etc/trust:2', 'trust/a:b', '.'])
    assert.equal(pathOfRoot(root), root);
});
