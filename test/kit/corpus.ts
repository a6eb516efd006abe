import assert from 'node:assert/strict';

import type { BrokenInput } from './corpus/broken-input.ts';
import { brokenDer } from './corpus/broken-der.ts';
import { brokenPem } from './corpus/broken-pem.ts';
import { brokenResources } from './corpus/broken-resources.ts';
import { brokenYaml } from './corpus/broken-yaml.ts';

/** Every kind of broken input. None may harm the certificates or resources beside it. Names are unique. */
export const corpus: readonly BrokenInput[] = [...brokenPem, ...brokenDer, ...brokenYaml, ...brokenResources];

assert.ok(corpus.length >= 40, `a corpus of ${corpus.length} kinds of broken input`);
assert.equal(new Set(corpus.map(({ name }) => name)).size, corpus.length, 'names are unique');
