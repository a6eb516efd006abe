import { createLedger } from '../../src/trust/ledger/ledger.ts';
import type { Ledger, LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import type { GoneEvidence } from '../../src/trust/source.ts';
import { parse } from './resources.ts';

/** Returns the ledger event for a version of a file. */
export function version(path: string, text: string, settled = true): LedgerEvent {
  return { kind: 'version', path, settled, parsed: parse(text, path) };
}

/** Returns the ledger event for the removal of a file, by default an observed deletion. */
export function gone(path: string, evidence: GoneEvidence = 'deletion'): LedgerEvent {
  return { kind: 'gone', path, evidence };
}

/** Creates a ledger with one source named `files` and, by default, a hold of 30 s. */
export function makeLedger(holdMs = 30_000): Ledger {
  return createLedger(['files'], { holdMs });
}

/** Returns the CAs in force as `mesh/trust domain: common names`, sorted. */
export function inForce(ledger: Ledger): readonly string[] {
  const lines: string[] = [];
  for (const [mesh, domains] of ledger.view().holdings) {
    for (const [trustDomain, shares] of domains) {
      const names = shares.flatMap((share) =>
        share.anchors.map(({ certificate }) => certificate.subject.replace(/^CN=/, '')),
      );
      lines.push(`${mesh}/${trustDomain}: ${names.sort().join(' ')}`);
    }
  }
  return lines.sort();
}

/** Returns the distinct codes of the findings, sorted. */
export function codes(ledger: Ledger): readonly string[] {
  return [...new Set(ledger.view().findings.map(({ code }) => code))].sort();
}
