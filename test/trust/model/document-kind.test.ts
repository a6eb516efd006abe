import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { documentKindOf } from '../../../src/trust/model/document-kind.ts';

const error = 'is the error message of an API server';
const encrypted = 'is encrypted by SOPS: decrypt it first';

/** A document, and the reason why its kind is not recognised; `other` if it is a document of another kind. */
const cases: Readonly<Record<string, readonly [document: object, outcome: string]>> = {
  'Status of Kubernetes': [{ apiVersion: 'v1', kind: 'Status', code: 403 }, error],
  'Status of another API': [{ apiVersion: 'a.test/v1', kind: 'Status' }, 'other'],
  'another kind of Kubernetes': [{ apiVersion: 'v1', kind: 'ConfigMap' }, 'other'],
  'problem of RFC 9457': [{ type: '/std-errors', status: 404, title: 'Not found' }, error],
  'problem without a type': [{ status: 404, title: 'Not found' }, error],
  'resource with a status and a title': [{ kind: 'Page', status: 404, title: 'Not found' }, 'other'],
  'status that is no number': [{ status: 'done', title: 'Not found' }, 'other'],
  'status without a title': [{ status: 404 }, 'other'],
  'encrypted kind': [{ kind: 'ENC[AES256_GCM,data:x]', sops: {} }, encrypted],
  'encrypted type': [{ type: 'ENC[AES256_GCM,data:x]' }, encrypted],
  'legible kind of an encrypted document': [{ kind: 'Secret', apiVersion: 'v1', sops: {} }, 'other'],
  'encrypted document without a kind': [{ sops: {} }, encrypted],
};

suite('document kind', () => {
  for (const [what, [document, outcome]] of Object.entries(cases))
    test(`${what} › ${outcome}`, () => {
      const kind = documentKindOf(document);
      assert.equal(kind.kind === 'unrecognised' ? kind.reason : kind.kind, outcome);
    });
});
