import { z } from 'zod';

const loopback = /^http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/;
const secure = /^https:\/\/([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:\d{1,5})?$/;

/** How the browser of a visitor writes the origin that somebody meant; null where that cannot be told. */
function asBrowsersSay(text: string): string | null {
  if (text.includes('*') || !URL.canParse(text)) return null;
  const { origin } = new URL(text);
  return origin !== text && (secure.test(origin) || loopback.test(origin)) ? origin : null;
}

/**
 * A page's origin that may embed ours, as its browser sends it: compared as a text, so there is one spelling, and nothing in it could
 * end a quote of a configuration.
 */
export const embedOriginSchema = z.string().superRefine((text, context) => {
  const isOrigin = (secure.test(text) || loopback.test(text)) && URL.canParse(text) && new URL(text).origin === text;
  if (isOrigin) return;
  const meant = asBrowsersSay(text);
  const message =
    meant === null
      ? `must be origins such as https://www.shop.example, without a wildcard; http only for this machine: ${JSON.stringify(text)}`
      : `must be origins as browsers send them: ${meant} in the place of ${JSON.stringify(text)}`;
  context.addIssue({ code: 'custom', message });
});

/** `SECKILL_EMBED_ORIGINS`: `https://www.shop.example[,https://blog.shop.example]`. */
export const embedOriginsSchema = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(embedOriginSchema));
