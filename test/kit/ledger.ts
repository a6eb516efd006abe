import { createLedger } from '../../src/trust/ledger/ledger.ts';
import type { Ledger, LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import type { GoneEvidence } from '../../src/trust/source.ts';
import { parse } from './resources.ts';

/** A version of a file as the ledger is told of it. */
export function version(path: string, text: string, settled = true): LedgerEvent {
  return { kind: 'version', path, settled, parsed: parse(text, path) };
}

/** A file that is gone; its deletion was seen, unless said otherwise. */
export function gone(path: string, evidence: GoneEvidence = 'deletion'): LedgerEvent {
  return { kind: 'gone', path, evidence };
}

/** A ledger of one source named `files`, with a hold of 30 s. */
export function makeLedger(holdMs = 30_000): Ledger {
  return createLedger(['files'], { holdMs });
}

/** What is in force: `mesh/trust domain: common names`, sorted. */
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

/** Codes of the findings, each once, sorted. */
export function codes(ledger: Ledger): readonly string[] {
  return [...new Set(ledger.view().findings.map(({ code }) => code))].sort();
}
