import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { contrast, ownColours, ownGood, paint, schemes } from './colours.ts';

test('the colours of the pages are those of base.css', () => {
  const style = readFileSync(join(import.meta.dirname, '../browser/style/base.css'), 'utf8');
  const blocks = [...style.matchAll(/:root \{(.*?)\}/gs)].map(([, block = '']) => block);
  const names = { background: 'ground', text: 'ink', softText: 'soft', onAccent: 'on-accent' } as Record<
    string,
    string
  >;
  for (const [at, scheme] of schemes.entries()) {
    for (const [name, value] of Object.entries({ ...ownColours[scheme], good: ownGood[scheme] })) {
      const [, found] = new RegExp(`--${names[name] ?? name}: (#\\w+);`).exec(blocks[at] ?? '') ?? [];
      expect(found?.replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3'), `${name}, ${scheme}`).toBe(value);
    }
  }
});

test('every pair of the pages’ own colours can be read', () => {
  expect(paint({ light: ownColours.light, dark: ownColours.dark }).problems).toEqual([]);
});

test('a contrast is that of WCAG', () => {
  expect(contrast('#ffffff', '#000000')).toBe(21);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
  expect(contrast('#767676', '#ffffff')).toBeCloseTo(4.54, 2);
});

test('what just misses is not said to be enough', () => {
  expect(paint({ light: { accent: '#ba5a00', onAccent: '#ffffff' } }).problems.join()).toMatch(
    /^$|a contrast of 4\.[0-4]:1/,
  );
});

test('one scheme is changed and the other is left', () => {
  const { css, colours } = paint({ dark: { accent: '#7fd1cf', onAccent: '#06282a' } });
  expect(css).toMatch(
    /^@media\(prefers-color-scheme:dark\)\{:root\{--accent:#7fd1cf;--on-accent:#06282a;--accent-hot:#\w{6}\}\}$/,
  );
  expect(colours.light).toEqual(ownColours.light);
});
