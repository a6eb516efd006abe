import { makeCa, makeCrlPem } from '../certificates.ts';
import { toPem } from '../pem.ts';
import { after, before, fileWith } from './broken-input.ts';
import type { BrokenInput } from './broken-input.ts';

const ca = makeCa({ commonName: 'Broken as PEM' });
const pem = ca.certPem;
const lines = pem.trimEnd().split('\n');
const [begin = '', firstLine = ''] = lines;
const body = lines.slice(1, -1);
const end = lines.at(-1) ?? '';
const text = (...parts: readonly string[]) => `${parts.join('\n')}\n`;
const spki = ca.publicKey.export({ format: 'pem', type: 'spki' });

/** Damaged certificate texts, and blocks that are not certificates. */
export const brokenPem: readonly BrokenInput[] = [
  after('a line of base64 missing', text(begin, ...body.slice(1), end)),
  after('base64 cut in the middle', text(begin, ...body.slice(0, 3), firstLine.slice(0, 31), end)),
  after('text cut in the middle', pem.slice(0, 200)),
  before('a block without END', text(begin, ...body)),
  before('a block without BEGIN', text(...body, end)),
  before('an END line alone', text(end)),
  before('a BEGIN line alone', text(begin)),
  after('another label at the END', text(begin, ...body, '-----END TRUSTED CERTIFICATE-----')),
  before('four dashes', text(begin.slice(1), ...body, end)),
  before('typographic dashes', pem.replaceAll('-----', '\u2014\u2014')),
  before('armour in lower case', pem.replace(begin, begin.toLowerCase()).replace(end, end.toLowerCase())),
  after('a character that is not base64', pem.replace(firstLine, `*${firstLine.slice(1)}`)),
  after('an ellipsis where base64 was', text(begin, '...', end)),
  after('padding in the middle', pem.replace(firstLine, `${firstLine.slice(0, 62)}==`)),
  after('one padding character too few', text(begin, 'QQ=', end)),
  after('unused bits set', text(begin, 'QR==', end)),
  after('an empty block', text(begin, end)),
  after('an empty line in the block', text(begin, firstLine, '', ...body.slice(1), end)),
  after(
    'headers in the block',
    text(begin, 'Proc-Type: 4,ENCRYPTED', 'DEK-Info: AES-128-CBC,00', '', ...body, end),
  ),
  before('a BEGIN inside the block', text(begin, firstLine, begin, ...body.slice(1), end)),
  before('two blocks joined without a line feed', pem.trimEnd() + makeCa().certPem),
  before('line feeds as backslash and n', `${pem.trimEnd().replaceAll('\n', '\\n')}\n`),
  before('all on one line', `${pem.trimEnd().replaceAll('\n', ' ')}\n`),
  before('carriage returns alone', `${pem.trimEnd().replaceAll('\n', '\r')}\n`),
  before('indented lines', pem.replaceAll(/^(?=.)/gm, '    ')),
  before('a byte order mark', `\ufeff${pem}`),
  before('base64 without armour', text(...body)),
  after('a private key', ca.keyPem),
  before('a private key', ca.keyPem),
  after('a private key with a damaged END', ca.keyPem.replace('-----END', '----END')),
  after('a public key', spki),
  after('a revocation list', makeCrlPem(ca)),
  after('a PKCS #7 label', toPem(ca.der, 'PKCS7')),
  after('a certificate request label', toPem(ca.der, 'CERTIFICATE REQUEST')),
  after('a TRUSTED CERTIFICATE', toPem(ca.der, 'TRUSTED CERTIFICATE')),
  {
    name: 'a bundle without a block beside a good one',
    ca: 'kept',
    file: (healthy) => fileWith(healthy, healthy.pem, 'see the wiki for the certificate'),
  },
  {
    name: 'its only certificate cut short',
    ca: 'lost',
    file: (healthy) => fileWith(healthy, healthy.pem.slice(0, 300)),
  },
  { name: 'only a private key', ca: 'lost', file: (healthy) => fileWith(healthy, ca.keyPem) },
  { name: 'only a revocation list', ca: 'lost', file: (healthy) => fileWith(healthy, makeCrlPem(ca)) },
  { name: 'only text', ca: 'lost', file: (healthy) => fileWith(healthy, 'see the wiki') },
  { name: 'an empty PEM text', ca: 'lost', file: (healthy) => fileWith(healthy, '') },
  { name: 'a blank PEM text', ca: 'lost', file: (healthy) => fileWith(healthy, ' \n\n') },
];
