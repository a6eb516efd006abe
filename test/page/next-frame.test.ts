import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createNextFrame } from '../../src/page/next-frame.ts';

function rig() {
  const frames: (() => void)[] = [];
  const timers: (() => void)[] = [];
  const drawn: string[] = [];
  let what = '';
  const drawSoon = createNextFrame(() => drawn.push(what), {
    requestFrame: (work) => frames.push(work),
    after: (_, work) => timers.push(work),
  });
  return {
    drawn,
    change: (to: string) => {
      what = to;
      drawSoon();
    },
    frame: () => {
      for (const work of frames.splice(0)) work();
    },
    second: () => {
      for (const work of timers.splice(0)) work();
    },
  };
}

suite('drawing of the page', () => {
  test('several changes within a frame: are drawn once', () => {
    const { drawn, change, frame, second } = rig();
    change('a');
    change('b');
    frame();
    second();
    assert.deepEqual(drawn, ['b']);
    change('c');
    frame();
    assert.deepEqual(drawn, ['b', 'c']);
  });

  test('hidden tab, which has no frames: is drawn after a second, and once when it is shown again', () => {
    const { drawn, change, frame, second } = rig();
    change('a');
    second();
    change('b');
    second();
    assert.deepEqual(drawn, ['a', 'b']);
    frame();
    assert.deepEqual(drawn, ['a', 'b']);
  });
});
