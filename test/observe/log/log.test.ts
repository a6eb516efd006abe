import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createLogger } from '../../../src/observe/log/log.ts';
import { makeCa } from '../../kit/certificates.ts';
import { memoryStream } from '../rig.ts';

suite('logger', () => {
  test('json: one object a line, with time, level, name, event and message', () => {
    const out = memoryStream();
    createLogger({ format: 'auto', level: 'info', stream: out.stream }).info(
      { event: 'test', n: 1 },
      'hello',
    );
    const [line, ...rest] = out.lines();
    assert.equal(rest.length, 0);
    assert.deepEqual(
      { ...line, time: undefined },
      { level: 'info', time: undefined, name: 'meshtrust', event: 'test', n: 1, msg: 'hello' },
    );
    assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('line below the level: is not written', () => {
    const out = memoryStream();
    const log = createLogger({ format: 'json', level: 'warn', stream: out.stream });
    log.info('no');
    log.debug('no');
    log.warn('yes');
    assert.deepEqual(
      out.lines().map(({ msg }) => msg),
      ['yes'],
    );
  });

  test('auto: readable lines on a terminal, JSON elsewhere', () => {
    const [terminal, pipe] = [memoryStream(true), memoryStream(false)];
    createLogger({ format: 'auto', level: 'info', stream: terminal.stream }).info({ n: 1 }, 'hello');
    createLogger({ format: 'auto', level: 'info', stream: pipe.stream }).info({ n: 1 }, 'hello');
    assert.match(terminal.text(), /hello/);
    assert.doesNotMatch(terminal.text(), /"msg"/);
    assert.equal(pipe.lines()[0]?.['msg'], 'hello');
  });

  test('pretty: one line of time, level and message, without fields; a change has no second line', () => {
    const out = memoryStream();
    const log = createLogger({ format: 'pretty', level: 'info', stream: out.stream });
    log.info({ event: 'served', mesh: 'blue', list: [1] }, 'hello');
    log.info({ event: 'trust-changed', mesh: 'blue' }, 'a line of the audit log');
    log.child({ worker: 2 }).warn({ event: 'x' }, 'careful');
    assert.match(
      out.text(),
      /^\[\d{4}-\d\d-\d\d [\d:.]{12}\] INFO: hello\n\[[^\]]+\] WARN: worker 2: careful\n$/,
    );
  });

  test('pretty, with a level that suppresses changes: the lines of the audit log are written', () => {
    const out = memoryStream();
    const log = createLogger({ format: 'pretty', level: 'warn', stream: out.stream });
    log.child({}, { level: 'info' }).info({ event: 'trust-changed' }, 'changed');
    assert.match(out.text(), /INFO: changed\n$/);
  });

  test('pretty, colours: follow the option, not the stream', () => {
    const [plain, coloured] = [memoryStream(true), memoryStream(false)];
    createLogger({ format: 'pretty', level: 'info', stream: plain.stream, colour: false }).info('x');
    createLogger({ format: 'pretty', level: 'info', stream: coloured.stream, colour: true }).info('x');
    assert.deepEqual([plain.text().includes('\u001b'), coloured.text().includes('\u001b')], [false, true]);
  });

  test('error whose message has a million line feeds: its stack is written', () => {
    const out = memoryStream();
    const message = `${'\n'.repeat(1_000_000)}x`;
    createLogger({ format: 'pretty', level: 'info', stream: out.stream }).error(
      { err: new Error(message) },
      'x',
    );
    assert.match(out.text(), /\n +at .*log\.test\.ts/);
  });

  test('line with PEM: the JSON around the removed PEM stays valid', () => {
    const out = memoryStream();
    const text = '-----BEGIN X-----\nab"cd\\\n-----END X----- "quoted" -----BEGIN Y-----\n"\\';
    createLogger({ format: 'json', level: 'info', stream: out.stream }).info({ text }, text);
    assert.equal(out.lines()[0]?.['text'], '[PEM] "quoted" [PEM]');
    assert.equal(out.lines()[0]?.['msg'], '[PEM] "quoted" [PEM]');
  });

  for (const isTTY of [false, true]) {
    test(`pretty, ${isTTY ? 'with' : 'without'} colours: text in any field → neither steers the terminal nor forges a line`, () => {
      const hostile = 'x\u001b[2J\u001b]0;t\u0007\u009b1m\u202e\u2066\u200b\u2028\r\nforged: line';
      const out = memoryStream(isTTY);
      const log = createLogger({ format: 'pretty', level: 'info', stream: out.stream });
      const error = new Error(hostile, { cause: new Error(hostile) });
      log.info({ event: hostile, field: hostile, nested: { list: [hostile, { deep: hostile }] } }, hostile);
      log.child({ worker: hostile }).error({ err: error }, 'failed %s', hostile);
      // oxlint-disable-next-line no-control-regex -- pino-pretty writes these sequences
      const text = out.text().replaceAll(/\u001b\[\d+m/g, '');
      assert.doesNotMatch(text, /(?!\n)[\p{Cc}\p{Cf}\p{Zl}]/u);
      assert.doesNotMatch(text, /^\s*forged/m);
      assert.match(text, /\n\s+at .*log\.test/);
    });
  }

  test('json: text in any field → is escaped in the line and unchanged after parsing', () => {
    const hostile = 'x\u001b\u009b\u202e\u200b\u2028\nforged';
    const out = memoryStream();
    createLogger({ format: 'json', level: 'info', stream: out.stream }).info({ field: hostile }, hostile);
    assert.doesNotMatch(out.text(), /(?!\n)[\p{Cc}\p{Cf}\p{Zl}]/u);
    const [line] = out.lines();
    assert.deepEqual([line?.['field'], line?.['msg']], [hostile, hostile]);
  });

  for (const format of ['json', 'pretty'] as const) {
    test(`never writes PEM (${format}): not in messages, fields, nested fields or errors`, () => {
      const { certPem, keyPem } = makeCa();
      const out = memoryStream();
      const log = createLogger({ format, level: 'info', stream: out.stream });
      log.info({ field: certPem, nested: { list: [keyPem, 'kept'] } }, `before ${keyPem} after`);
      log.error({ err: new Error(`bad: ${keyPem}`) }, 'failed');
      log.info({ cut: keyPem.slice(0, 100) }, 'an unfinished block');
      const text = out.text();
      const secrets = [...certPem.split('\n'), ...keyPem.split('\n')].filter((line) => line.length > 40);
      assert.ok(secrets.length > 4);
      for (const secret of secrets) assert.ok(!text.includes(secret), text);
      assert.doesNotMatch(text, /-----(BEGIN|END)/);
      for (const kept of [
        ...(format === 'json' ? ['kept'] : []),
        'before [PEM]',
        'after',
        'failed',
        'an unfinished block',
      ])
        assert.ok(text.includes(kept), `${kept} is missing in ${text}`);
    });
  }
});
