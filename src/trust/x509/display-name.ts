import { tag } from './der-reader.ts';
import type { Name, NameAttribute } from './walk-name.ts';

/** Short names of attribute types (RFC 4514, section 3, and others that CAs use), by hex of the identifier. */
const shortNames: Readonly<Record<string, string>> = {
  '550403': 'CN',
  '550405': 'serialNumber',
  '550406': 'C',
  '550407': 'L',
  '550408': 'ST',
  '550409': 'STREET',
  '55040a': 'O',
  '55040b': 'OU',
  '55040c': 'title',
  '55042e': 'dnQualifier',
  '550461': 'organizationIdentifier',
  '2a864886f70d010901': 'emailAddress',
  '0992268993f22c640101': 'UID',
  '0992268993f22c640119': 'DC',
};

/** The maximum number of characters: an issuer may be as long as a certificate. */
const displayLimit = 4096;
/** The maximum bytes of an identifier in dotted form. Real ones are shorter, and the conversion is quadratic. */
const oidLimit = 64;

/** Formats a Name on one line, last part first (RFC 4514). Escapes control characters, because logs contain it. */
export function displayName(name: Name): string {
  const text = name.toReversed().map(displayPart).join(',');
  return text.length <= displayLimit ? text : `${text.slice(0, displayLimit - 1)}…`;
}

function displayPart(attributes: readonly NameAttribute[]): string {
  return attributes
    .map(
      ({ type, value, tag: kind, exact }) =>
        `${shortNames[type] ?? dotted(type)}=${exact === undefined || kind === tag.numericString ? escaped(value) : value}`,
    )
    .join('+');
}

/** Escapes a value (RFC 4514, section 2.4). Characters that move a cursor or reverse text become hex of their UTF-8. */
function escaped(value: string): string {
  return value
    .replaceAll(/["+,;<>\\]/g, String.raw`\$&`)
    .replaceAll(/^[ #]|(?<!^) $/g, String.raw`\$&`)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
      Buffer.from(character, 'utf8')
        .toString('hex')
        .replaceAll(/../g, String.raw`\$&`),
    );
}

/** Converts the hex of an object identifier to its dotted form. Very long identifiers stay hex. */
function dotted(hex: string): string {
  if (hex.length > 2 * oidLimit) return `#${hex}`;
  const components: bigint[] = [];
  let value = 0n;
  for (const byte of Buffer.from(hex, 'hex')) {
    value = value * 128n + BigInt(byte & 0x7f);
    if (byte < 0x80) {
      components.push(value);
      value = 0n;
    }
  }
  const [first = 0n, ...rest] = components;
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...rest].join('.');
}
