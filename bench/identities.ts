import { createIdentityStage } from '../src/trust/identity/identity-stage.ts';
import { createImportStage, importIdentities } from '../src/trust/imports/import-stage.ts';
import type { LedgerEvent } from '../src/trust/ledger/ledger.ts';
import { parseFile } from '../src/trust/model/parse-file.ts';
import { defaultLimits } from '../src/trust/model/limits.ts';
import { createAnchorReader } from '../src/trust/x509/anchor-reader.ts';
import { makeCa, makeKey } from '../test/kit/certificates.ts';
import { globalIdentity, importedTrust } from '../test/kit/imports.ts';
import { bundled, identityText, secretText } from '../test/kit/mesh-identities.ts';
import { cpuOf, machine, report, row, spread } from './kit.ts';

// Measures what it costs to derive the MeshTrusts of 1,000 MeshIdentities, and to decide about 1,000 imported ones. The
// texts are made before.

const count = 1000;
const runs = 15;
const key = makeKey();
const numbers = Array.from({ length: count }, (_, index) => index);
const pems = numbers.map((index) => makeCa({ commonName: `CA ${index}`, key }).certPem);
const ref = (name: string): unknown => ({ type: 'Secret', secretRef: { kind: 'Secret', name } });
const texts = numbers.map((index) => ({
  identity: identityText({
    name: `i${index}`,
    spec: bundled(ref(`s${index}`), { trustDomain: `{{ .Mesh }}.{{ .Zone }}.d${index}.test` }),
  }),
  secret: secretText(`s${index}`, pems[index] ?? ''),
}));

const parse = (path: string, text: string): LedgerEvent => ({
  kind: 'version',
  path,
  settled: true,
  parsed: parseFile(path, text, { defaultMesh: 'default', reader: createAnchorReader(), identities: true }),
});
const identities = texts.map(({ identity }, index) => parse(`i${index}.yaml`, identity));
const secrets = texts.map(({ secret }, index) => parse(`s${index}.yaml`, secret));
const first = identities.slice(0, 1);
const changed = secrets.slice(0, 1);
const makeStage = () =>
  createIdentityStage({ zone: 'zone-1', zones: [], linger: { kind: 'leaves' }, limits: defaultLimits });

const imported = numbers.map((index) =>
  parse(
    `import:t${index}`,
    importedTrust(
      `default.zone-${index}.mesh.local`,
      [pems[index] ?? ''],
      { origin: 'zone', zone: `zone-${index}` },
      `t${index}`,
    ),
  ),
);
const vouching = [parse('import:i', globalIdentity('{{ .Mesh }}.{{ .Zone }}.mesh.local'))];

const measured: Record<'parse' | 'all' | 'identity' | 'secret' | 'imports', number[]> = {
  parse: [],
  all: [],
  identity: [],
  secret: [],
  imports: [],
};
for (let run = 0; run < runs; run += 1) {
  measured.parse.push(
    cpuOf(() => {
      for (const [index, { identity, secret }] of texts.entries()) {
        parse(`i${index}.yaml`, identity);
        parse(`s${index}.yaml`, secret);
      }
    }),
  );
  const stage = makeStage();
  measured.all.push(cpuOf(() => stage.apply('files', [...identities, ...secrets], 0)));
  measured.identity.push(cpuOf(() => stage.apply('files', first, 0)));
  measured.secret.push(cpuOf(() => stage.apply('files', changed, 0)));
  const imports = createImportStage({ zone: 'zone-x', granted: new Map(), linger: { kind: 'leaves' } });
  measured.imports.push(
    cpuOf(() => {
      imports.apply(importIdentities, [...vouching, { kind: 'synced' }], 0);
      imports.apply('import', [...imported, { kind: 'synced' }], 0);
    }),
  );
}

const lineOf = (what: string, values: readonly number[]): string => {
  // The first runs are those of a cold compiler.
  const { min, median, max } = spread(values.slice(3));
  return row(what, [min, median, max].map((value) => value.toFixed(1)).join(', '));
};
await report([
  `# MeshTrusts of ${count} MeshIdentities`,
  '',
  `${machine()}; ${runs - 3} runs after three to warm up. Each MeshIdentity has its CA certificate in a Secret of its own.`,
  '',
  row('what', 'ms of CPU: min, median, max'),
  row('---', '---'),
  lineOf(`parse ${count} MeshIdentities and ${count} Secrets, without a cache`, measured.parse),
  lineOf(`derive ${count} MeshIdentities`, measured.all),
  lineOf('derive again after one MeshIdentity changed', measured.identity),
  lineOf('derive again after one Secret changed', measured.secret),
  lineOf(`decide about the MeshTrusts of ${count} zones`, measured.imports),
]);
