import sharp from 'sharp';
import { drawAnew, type Picture } from './picture.ts';

/** Of the first load, beside the picture of the sale. */
export const brandBudgets = { logo: 3000, icon: 1500 } as const;
/** Drawn at half its pixels, for screens that have two to a point. */
const logoBox = { width: 480, height: 80 };
const iconSide = 64;

/** The best that the budget buys: first less fine, then smaller. Transparent places stay so. */
export const prepareLogo = (bytes: Buffer): Promise<Picture | { problem: string }> =>
  drawAnew(bytes, { least: 24, longest: 12 }, async (image) => {
    const upright = await image.png({ compressionLevel: 1 }).toBuffer();
    for (let part = 1; ; part *= 0.75) {
      for (const quality of [90, 70, 45]) {
        const box = { width: Math.round(logoBox.width * part), height: Math.round(logoBox.height * part) };
        const { data, info } = await sharp(upright)
          .resize({ ...box, fit: 'inside', withoutEnlargement: true })
          .webp({ quality, smartSubsample: true })
          .toBuffer({ resolveWithObject: true });
        if (data.length <= brandBudgets.logo) return { width: info.width, height: info.height, webp: data };
      }
    }
  });

/** As PNG, which every browser takes for the icon of a tab. */
export const prepareIcon = (bytes: Buffer): Promise<Buffer | { problem: string }> =>
  drawAnew(bytes, { least: 32, longest: 2 }, async (image) => {
    const upright = await image.png({ compressionLevel: 1 }).toBuffer();
    for (let side = iconSide; ; side = Math.round(side * 0.75)) {
      for (const colours of [256, 64, 16]) {
        const data = await sharp(upright)
          .resize({ width: side, height: side, fit: 'contain', background: '#0000' })
          .png({ palette: true, colours, effort: 10, compressionLevel: 9 })
          .toBuffer();
        if (data.length <= brandBudgets.icon) return data;
      }
    }
  });
