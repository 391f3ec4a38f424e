import { join } from 'node:path';
import type { Page } from 'playwright-core';

/** `KEEP_IMAGES=true` renews the pictures of the documentation. */
const imagesDir = join(
  import.meta.dirname,
  process.env.KEEP_IMAGES === 'true' ? '../../../docs/images' : '../../../.run/screens',
);

/** Keeps what the page shows as `<name>.png`. */
export const keepImage = (page: Page, name: string) =>
  page.screenshot({ path: join(imagesDir, `${name}.png`), animations: 'disabled' });
