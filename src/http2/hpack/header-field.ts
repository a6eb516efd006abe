/** Octets that a field counts in a header list or a dynamic table beside its name and value (RFC 7541, section 4.1). */
const fieldOverhead = 32;

/** Fields of a connection, which HTTP/2 does not have (RFC 9113, section 8.2.2). */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** One header field. Immutable, so that connections share the objects. Text is Latin-1: one character an octet. */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  /** Its size in a header list or a dynamic table (RFC 7541, section 4.1). */
  readonly size: number;
  readonly isPseudo: boolean;
  /**
   * Whether RFC 9113 allows it in a request: a lower-case name of token characters (8.2.1), a value without NUL, CR,
   * LF and without white space around it, no field of a connection, and no `te` but `trailers` (8.2.2).
   */
  readonly isValid: boolean;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + fieldOverhead;
    this.isPseudo = name.startsWith(':');
    this.isValid = isValidName(this.isPseudo ? name.slice(1) : name) && isValidValue(name, value);
  }
}

function isValidName(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) && !connectionSpecific.has(name);
}

function isValidValue(name: string, value: string): boolean {
  if (name === 'te' && value !== 'trailers') return false;
  return !/[\0\r\n]|^[ \t]|[ \t]$/.test(value);
}
