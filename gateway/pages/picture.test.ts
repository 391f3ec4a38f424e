import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, test, vi } from 'vitest';
import { maxPictureBytes, pictureBudgets, preparePicture, withinBudget } from './picture.ts';

const flat = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#c23414' } });
const noise = (width: number, height: number) =>
  sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } });

async function prepared(bytes: Buffer) {
  const result = await preparePicture(bytes);
  if ('problem' in result) throw new Error(result.problem);
  return result;
}
const problemOf = async (bytes: Buffer) => {
  const result = await preparePicture(bytes);
  return 'problem' in result ? result.problem : 'taken';
};

// Encoding and decoding take a while on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

test.each(['png', 'jpeg', 'webp', 'avif'] as const)(
  'a %s becomes WebP, in its own shape and never larger than it was',
  async (format) => {
    const { page, card } = await prepared(await flat(400, 300).toFormat(format).toBuffer());
    expect([page.width, page.height]).toEqual([400, 300]);
    expect([card.width, card.height]).toEqual([400, 300]);
    expect(await sharp(page.webp).metadata()).toMatchObject({ format: 'webp', width: 400, height: 300 });
  },
);

test('a large picture is made smaller, each size its own', async () => {
  const { page, card } = await prepared(await flat(1600, 1200).jpeg().toBuffer());
  expect([page.width, page.height]).toEqual([1280, 960]);
  expect([card.width, card.height]).toEqual([480, 360]);
});

test('even noise fits the budget of a first load', async () => {
  const { page, card } = await prepared(await noise(500, 400).jpeg({ quality: 70 }).toBuffer());
  expect(page.webp.length).toBeLessThanOrEqual(pictureBudgets.page.bytes);
  expect(card.webp.length).toBeLessThanOrEqual(pictureBudgets.card.bytes);
  expect(page.width / page.height).toBeCloseTo(500 / 400, 1);
});

test('a picture of larger budgets is drawn once more, the same each time; one that fits stays as it is', async () => {
  const { page, card } = await prepared(await noise(500, 400).jpeg({ quality: 70 }).toBuffer());
  const large = { width: 500, height: 400, webp: await noise(500, 400).webp({ quality: 90 }).toBuffer() };
  expect(large.webp.length).toBeGreaterThan(pictureBudgets.page.bytes);
  const [once, twice] = [await withinBudget({ page: large, card }), await withinBudget({ page: large, card })];
  expect(once.page.webp.length).toBeLessThanOrEqual(pictureBudgets.page.bytes);
  expect(twice).toEqual(once);
  expect(once.card).toBe(card);
  expect((await withinBudget({ page, card })).page).toBe(page);
});

test('nothing but pixels is left: no script behind the picture, no note of the camera, and the right side is up', async () => {
  const jpeg = await flat(800, 600)
    .withExif({ IFD0: { ImageDescription: 'alert(1)' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  const { page } = await prepared(Buffer.concat([jpeg, Buffer.from('<script>alert(2)</script>')]));
  expect(page.webp.includes('alert')).toBe(false);
  expect(await sharp(page.webp).metadata()).not.toHaveProperty('exif');
  expect([page.width, page.height]).toEqual([600, 800]);
});

describe('is refused, and says what to change', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><script>alert(1)</script></svg>';
  test.each([
    ['an SVG with a script', Buffer.from(svg), 'SVG, which may hold scripts'],
    ['an SVG after a declaration', Buffer.from(`<?xml version="1.0"?>\n${svg}`), 'SVG'],
    ['a page', Buffer.from('<!doctype html><script>alert(1)</script>'), 'none of PNG, JPEG, WebP and AVIF'],
    ['a GIF', Buffer.from('GIF89a....'), 'is a GIF'],
    ['nothing', Buffer.alloc(0), 'none of PNG'],
    ['20 MB', Buffer.alloc(20_000_000), 'is 20.0 MB: make it smaller, at most 2 MB'],
    ['a PNG that is only a beginning', Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'), 'damaged PNG'],
  ])('%s', async (_what, bytes, words) => {
    expect(await problemOf(bytes)).toContain(words);
  });

  test('a picture that is too small, too large or a ribbon', async () => {
    expect(await problemOf(await flat(100, 800).png().toBuffer())).toContain('each side must be of 200 to 8000');
    expect(await problemOf(await flat(9000, 300).png().toBuffer())).toContain('each side must be');
    expect(await problemOf(await flat(2000, 300).png().toBuffer())).toContain('three times');
  });

  test('a picture that is cut off', async () => {
    const whole = await noise(600, 600).png().toBuffer();
    expect(whole.length).toBeLessThan(maxPictureBytes);
    expect(await problemOf(whole.subarray(0, whole.length / 2))).toContain('damaged PNG');
  });
});
