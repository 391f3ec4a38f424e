import type { SaleNode } from '#contract/sale.ts';
import type { PageSignIn } from '#contract/sign-in.ts';
import type { Brand } from './brand.ts';
import type { Picture, PictureSize } from './picture.ts';
import type { Speech } from './speech.ts';

/** What a page shows of a picture: where it is, and its own size, so that nothing moves when it comes. */
export type Image = { url: string } & Pick<Picture, 'width' | 'height'>;
/** URLs of the hashed assets; `art` is the drawn picture of a sale without one of its own. */
export type AssetUrls = {
  css: string;
  js: string;
  /** The script of `/orders`, in the place of `js`. */
  orders: string;
  /** The script of the form for contact and address, which an order's page loads where it is needed. */
  details: string;
  language: string;
  worker: string;
  /** What draws a QR code: loaded by the order page when there is one. */
  qr: string;
  /** What fills the receipt of an order's page, and how it looks on paper. */
  receipt: { js: string; css: string };
  icon: { url: string; type: string };
  /** The shop's own, in the place of icon and name. */
  logo?: { light: Image; dark?: Image };
  /** What the script says, by language. */
  words: Readonly<Record<string, string>>;
  art: (saleId: string) => string;
};
export type PageContext = {
  renderedAt: Date;
  assets: AssetUrls;
  speech: Speech;
  brand: Brand;
  signIn?: PageSignIn | undefined;
  /** The origin that shoppers see; left out where it is not known. */
  publicUrl?: string | undefined;
};
/** A sale as the pages show it. Description and picture live in the catalogue only, so they may be missing. */
export type PageSale = SaleNode & { description?: string; images?: Record<PictureSize, Image> };
