import type { BlockRefusalCode } from '../findings/catalogue.ts';
import { isBareBase64, readArmour, trimBlankEnd } from './armour.ts';
import type { Armour } from './armour.ts';
import { decodeBody, explainBody } from './base64-body.ts';
import { decodeUniformBody } from './uniform-body.ts';

/** Why a private key is refused. Includes the remedy: the key must be replaced because it was exposed. */
const privateKeyReason = 'a private key does not belong in a trust bundle; remove it and replace the key';

/** One block of a PEM text: the unparsed bytes of a certificate, or a refused block with the reason. */
export type PemBlock =
  | { readonly kind: 'certificate'; readonly index: number; readonly line: number; readonly der: Uint8Array }
  | {
      readonly kind: 'refused';
      /** 1-based number of the block in the text, including refused blocks. */
      readonly index: number;
      /** 1-based line of the text at which the block begins. */
      readonly line: number;
      readonly code: BlockRefusalCode;
      /** Never quotes the content of the block. */
      readonly reason: string;
      /**
       * Why the form of the block is damaged, whatever its label says; `undefined` for a sound block that is refused
       * for what it is. `code` does not tell: a damaged block with the label of a private key is a private key.
       */
      readonly damage: string | undefined;
      /** 1-based line of the text at which reading continues after the block. */
      readonly nextLine: number;
    };

/** A block at some offset. `next` is the offset at which reading continues. */
type Reading =
  | { readonly kind: 'certificate'; readonly der: Uint8Array; readonly next: number }
  | {
      readonly kind: 'refused';
      readonly code: BlockRefusalCode;
      readonly reason: string;
      readonly damage: string | undefined;
      readonly next: number;
    };

/** A line without its line feed, and the offset of the next line. */
interface Line {
  readonly text: string;
  readonly next: number;
}

/**
 * Decodes all blocks of a PEM text (RFC 7468). It accepts only certificates in exact armour and canonical base64. Any
 * other block is refused without an effect on its neighbours. Text around blocks is dropped, since real CA files have
 * comments. It accepts LF and CRLF, blanks at line ends and any line width. The time is linear in any text: no
 * character is read for more than one block.
 */
export function decodePem(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const plain = readPlain(text, at);
    const reading = plain ?? readAt(text, at);
    const { next } = reading;
    const nextLine = line + (plain?.lines ?? countLineFeeds(text, at, next));
    const index = blocks.length + 1;
    if (reading.kind === 'certificate') {
      blocks.push({ kind: 'certificate', index, line, der: reading.der });
    } else if (reading.kind === 'refused') {
      const { code, reason, damage } = reading;
      blocks.push({ kind: 'refused', index, line, code, reason, damage, nextLine });
    }
    line = nextLine;
    at = next;
  }
  return blocks;
}

const plainBegin = '-----BEGIN CERTIFICATE-----\n';
const plainEnd = '-----END CERTIFICATE-----\n';

/** Reads a certificate in the usual form of programs, in the fewest passes. `readAt` handles everything else. */
function readPlain(
  text: string,
  at: number,
): (Reading & { readonly kind: 'certificate'; readonly lines: number }) | undefined {
  if (!text.startsWith(plainBegin, at)) return undefined;
  const start = at + plainBegin.length;
  const end = text.indexOf('-----', start);
  if (end < 0 || !text.startsWith(plainEnd, end)) return undefined;
  const body = decodeUniformBody(text.slice(start, end));
  if (body === undefined) return undefined;
  return { kind: 'certificate', der: body.der, next: end + plainEnd.length, lines: body.lines + 2 };
}

function readAt(text: string, at: number): Reading | { readonly kind: 'text'; readonly next: number } {
  const line = lineAt(text, at);
  const armour = readArmour(line.text);
  if (armour === undefined) {
    return isBareBase64(line.text)
      ? skipDamaged(text, line, 'the base64 has no BEGIN line before it')
      : { kind: 'text', next: line.next };
  }
  switch (armour.kind) {
    case 'begin':
      return readBlock(text, line.next, armour.label);
    case 'end':
      return refuse(line, 'the END line has no BEGIN line before it', line.next);
    case 'damaged':
      if (isCommented(line.text)) return readCommented(text, line, armour);
      return armour.opens ? skipDamaged(text, line, armour.reason) : refuse(line, armour.reason, line.next);
  }
}

/** Returns whether a line is commented out with `#`, which operators use to disable a certificate temporarily. */
function isCommented(line: string): boolean {
  return /^[ \t]{0,64}#/.test(line);
}

/**
 * Reads a block whose first line is commented out. If all of its lines are comments or blank, it is text around blocks
 * (RFC 7468, section 2), which PEM readers skip. If any other line is among them, the block is damaged.
 */
function readCommented(text: string, first: Line, armour: Extract<Armour, { kind: 'damaged' }>): Reading {
  if (!armour.opens) return refuse(first, armour.reason, first.next);
  let { next } = first;
  while (next < text.length) {
    const line = lineAt(text, next);
    const here = readArmour(line.text);
    const isEnd = here?.kind === 'damaged' && !here.opens;
    const isText = isCommented(line.text) || trimBlankEnd(line.text) === '';
    if (!isText || (here !== undefined && !isEnd)) break;
    next = line.next;
    if (isEnd) return commentedOut(first, next);
  }
  return skipDamaged(text, first, armour.reason);
}

function commentedOut(first: Line, next: number): Reading {
  const refusal = namesPrivateKey(first)
    ? ({ code: 'MT011', reason: privateKeyReason } as const)
    : ({ code: 'MT052', reason: 'all lines of the block are commented out; it is not read' } as const);
  return { kind: 'refused', ...refusal, damage: undefined, next };
}

/** Reads the block whose body begins at `start`. Tries the common case first: no dash before the exact END line. */
function readBlock(text: string, start: number, label: string): Reading {
  const dashes = text.indexOf('-----', start);
  if (label === 'CERTIFICATE' && dashes > start && text.charCodeAt(dashes - 1) === lineFeed) {
    const closing = lineAt(text, dashes);
    const armour = readArmour(closing.text);
    const der = armour?.kind === 'end' && armour.label === label && decodeBody(text.slice(start, dashes));
    if (der) return { kind: 'certificate', der, next: closing.next };
  }
  return refuseBlock(text, start, label);
}

function refuseBlock(text: string, start: number, label: string): Reading {
  const policy = labelRefusal(label);
  const { line, at } = findArmour(text, start);
  const armour = line === undefined ? undefined : readArmour(line.text);
  const malformed = (damage: string, next: number): Reading =>
    damaged(damage, policy?.code === 'MT011', next);
  if (line === undefined || armour === undefined)
    return malformed('the block has no END line before the end of the text', at);
  switch (armour.kind) {
    case 'begin':
      return malformed('the block has no END line before the next BEGIN line', at);
    case 'damaged':
      // A joined `END…BEGIN` line is read again for the block that it opens.
      return malformed(armour.reason, armour.opens ? at : line.next);
    case 'end':
      if (armour.label !== label)
        return malformed('the END line and the BEGIN line have different labels', line.next);
      return policy === undefined
        ? malformed(explainBody(text.slice(start, at)), line.next)
        : { kind: 'refused', ...policy, damage: undefined, next: line.next };
  }
}

/** Skips the rest of a block whose first line is damaged, up to its END or the next BEGIN. */
function skipDamaged(text: string, first: Line, reason: string): Reading {
  const { line, at } = findArmour(text, first.next);
  const armour = line === undefined ? undefined : readArmour(line.text);
  const opens = armour?.kind === 'begin' || (armour?.kind === 'damaged' && armour.opens);
  return refuse(first, reason, line === undefined || opens ? at : line.next);
}

function refuse(line: Line, reason: string, next: number): Reading {
  return damaged(reason, namesPrivateKey(line), next);
}

function namesPrivateKey(line: Line): boolean {
  return line.text.toUpperCase().includes('PRIVATE KEY');
}

/** A damaged block. One that may hold a private key is reported as a private key, which is what users must act on. */
function damaged(damage: string, isPrivateKey: boolean, next: number): Reading {
  return isPrivateKey
    ? { kind: 'refused', code: 'MT011', reason: privateKeyReason, damage, next }
    : { kind: 'refused', code: 'MT013', reason: damage, damage, next };
}

/** Finds the first line at or after `start` that is armour or resembles it, or the end of the text. */
function findArmour(text: string, start: number): { readonly line?: Line; readonly at: number } {
  let at = start;
  while (at < text.length) {
    const line = lineAt(text, at);
    if (readArmour(line.text) !== undefined) return { line, at };
    at = line.next;
  }
  return { at };
}

const lineFeed = 0x0a;

function lineAt(text: string, at: number): Line {
  const end = text.indexOf('\n', at);
  return end < 0 ? { text: text.slice(at), next: text.length } : { text: text.slice(at, end), next: end + 1 };
}

/** Returns the number of line feeds from `from` to before `to`. */
export function countLineFeeds(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** Returns why a well-formed block with this label is refused; `undefined` only for `CERTIFICATE`. */
function labelRefusal(
  label: string,
): { readonly code: BlockRefusalCode; readonly reason: string } | undefined {
  if (label === 'CERTIFICATE') return undefined;
  if (label.includes('PRIVATE KEY')) return { code: 'MT011', reason: privateKeyReason };
  if (label === 'X509 CRL') {
    return {
      code: 'MT012',
      reason: 'a revocation list would enable revocation checks for every CA beside it; it is not served',
    };
  }
  if (label === 'X509 CERTIFICATE' || label === 'TRUSTED CERTIFICATE') {
    return {
      code: 'MT010',
      reason: `a block labelled ${label} is not served; convert it to CERTIFICATE (openssl x509)`,
    };
  }
  return { code: 'MT010', reason: `${describeLabel(label)} is not a certificate` };
}

/** Describes a label. Quotes it only if it is as short and simple as real labels. */
function describeLabel(label: string): string {
  return /^[A-Z0-9 ]{1,32}$/.test(label) ? `a block labelled ${label}` : 'a block with an unusual label';
}
