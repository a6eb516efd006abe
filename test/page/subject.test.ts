import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { splitSubject } from '../../src/page/subject.ts';

suite('distinguished name: common name first, the rest apart', () => {
  const table: readonly (readonly [subject: string, title: string, rest: string])[] = [
    [
      'CN=Example Organisation CA 2,O=Example Organisation',
      'Example Organisation CA 2',
      'O=Example Organisation',
    ],
    ['C=DE,O=A,CN=Last', 'Last', 'C=DE, O=A'],
    ['CN=Root', 'Root', ''],
    [String.raw`CN=A\, B\+C,O=X`, 'A, B+C', 'O=X'],
    [String.raw`CN=\<img src=x\>`, '<img src=x>', ''],
    [String.raw`CN=line\0Abreak`, String.raw`line\0Abreak`, ''],
    [String.raw`CN=back\\,O=X`, 'back\\', 'O=X'],
    ['O=Only,C=DE', 'O=Only,C=DE', ''],
    ['OU=CN=no,O=X', 'OU=CN=no,O=X', ''],
    ['', '(no subject)', ''],
  ];
  for (const [subject, title, rest] of table) {
    test(subject || '(empty)', () => assert.deepEqual(splitSubject(subject), { title, rest }));
  }
});
