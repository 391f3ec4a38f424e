import sharp, { type Sharp } from 'sharp';

/** Of the file that ops give. */
export const maxPictureBytes = 2_000_000;
const longestSide = 8000;

/** What a page spends on its picture: with markup, style and script it stays within a first load of 60 KB. */
export const pictureBudgets = {
  page: { longestSide: 1280, bytes: 28_000 },
  card: { longestSide: 480, bytes: 8_000 },
} as const;
export type PictureSize = keyof typeof pictureBudgets;
export type Picture = { width: number; height: number; webp: Buffer };
export type PreparedPicture = Record<PictureSize, Picture>;

const kinds = { png: 'PNG', jpeg: 'JPEG', webp: 'WebP', avif: 'AVIF' } as const;

/** By its first bytes: what a file is called means nothing. Nothing else ever reaches a decoder. */
function kindOf(bytes: Buffer): keyof typeof kinds | null {
  const ascii = (from: number, to: number) => bytes.toString('latin1', from, to);
  if (ascii(0, 8) === '\u0089PNG\r\n\u001a\n') return 'png';
  if (ascii(0, 3) === '\u00ff\u00d8\u00ff') return 'jpeg';
  if (ascii(0, 4) === 'RIFF' && ascii(8, 12) === 'WEBP') return 'webp';
  if (ascii(4, 8) === 'ftyp' && ['avif', 'avis'].includes(ascii(8, 12))) return 'avif';
  return null;
}

function refusalOf(bytes: Buffer): string {
  const start = bytes.toString('utf8', 0, 1000);
  if (/<svg|<\?xml/i.test(start)) return 'is an SVG, which may hold scripts: export it as PNG or WebP';
  if (/^GIF8/.test(start)) return 'is a GIF: export it as PNG or WebP';
  return 'is none of PNG, JPEG, WebP and AVIF, whatever its name says';
}

/** What a picture has to be: the least of each side, and how many times as long as wide it may be. */
type Measure = { least: number; longest: number };

/**
 * Draws a picture anew out of what a person gave, so that nothing but pixels is left of the file: no script, no place where it was
 * taken. `draw` gets it decoded, upright and in sRGB.
 *
 * @returns a sentence that says what to change, when the file cannot be taken.
 */
export async function drawAnew<Drawn>(
  bytes: Buffer,
  { least, longest }: Measure,
  draw: (image: Sharp) => Promise<Drawn>,
): Promise<Drawn | { problem: string }> {
  if (bytes.length > maxPictureBytes) {
    const megabytes = (bytes.length / 1e6).toFixed(1);
    return { problem: `is ${megabytes} MB: make it smaller, at most ${maxPictureBytes / 1e6} MB` };
  }
  const kind = kindOf(bytes);
  if (kind === null) return { problem: refusalOf(bytes) };
  try {
    const image = sharp(bytes, { limitInputPixels: longestSide ** 2, failOn: 'error' });
    const { width, height, format } = await image.metadata();
    if (format !== kind && !(kind === 'avif' && format === 'heif')) return { problem: refusalOf(bytes) };
    const [short, long] = [Math.min(width, height), Math.max(width, height)];
    if (short < least || long > longestSide) {
      return { problem: `is ${width} × ${height}: each side must be of ${least} to ${longestSide} pixels` };
    }
    if (long > longest * short)
      return { problem: `is ${width} × ${height}: at most ${longest === 3 ? 'three' : longest} times as long as wide` };
    // By the camera's note on which side is up; then to sRGB, without any of the file's notes.
    return await draw(image.autoOrient());
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return { problem: `is a damaged ${kinds[kind]}: ${why}` };
  }
}

/** The picture of a product, small enough for everyone's first load. A sentence that says what to change, as {@link drawAnew}. */
export function preparePicture(bytes: Buffer): Promise<PreparedPicture | { problem: string }> {
  return drawAnew(bytes, { least: 200, longest: 3 }, async (image) => {
    const side = pictureBudgets.page.longestSide;
    const upright = await image
      .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
      .png({ compressionLevel: 1 })
      .toBuffer();
    return { page: await shrink(upright, 'page'), card: await shrink(upright, 'card') };
  });
}

/** A picture that was prepared when the budgets were larger is drawn once more; any other stays as it is. */
export async function withinBudget({ page, card }: PreparedPicture): Promise<PreparedPicture> {
  const kept = async (drawn: Picture, size: PictureSize) =>
    drawn.webp.length <= pictureBudgets[size].bytes ? drawn : await shrink(drawn.webp, size);
  return { page: await kept(page, 'page'), card: await kept(card, 'card') };
}

/** The best that the budget buys: first less fine, then smaller. */
async function shrink(bytes: Buffer, size: PictureSize): Promise<Picture> {
  const { longestSide: longest, bytes: most } = pictureBudgets[size];
  for (let side: number = longest; ; side = Math.round(side * 0.75)) {
    for (const quality of [80, 62, 45]) {
      const { data, info } = await sharp(bytes)
        .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
        .webp({ quality, smartSubsample: true })
        .toBuffer({ resolveWithObject: true });
      if (data.length <= most) return { width: info.width, height: info.height, webp: data };
    }
  }
}
