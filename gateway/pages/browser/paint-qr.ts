import { byTestId } from './page.ts';
import { webUrl } from './web-url.ts';

let loading: Promise<void> | null = null;

function load(url: string): Promise<void> {
  loading ??= new Promise<void>((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url;
    script.onload = () => resolve();
    script.onerror = () => {
      loading = null; // the next press tries again
      reject(new Error(`no ${url}`));
    };
    document.head.append(script);
  });
  return loading;
}

/**
 * Shows the code that the shopper scans with the provider's app; where its text is an address, a link opens that app on this
 * phone. Where the drawing cannot be loaded, the text itself is shown.
 */
export async function paintQr(text: string): Promise<void> {
  const box = byTestId('qr');
  const app = byTestId<HTMLAnchorElement>('open-app');
  const address = webUrl(text);
  app.hidden = address === null;
  if (address !== null) app.href = address;
  byTestId('scan').hidden = false;
  await load(document.querySelector('main')?.dataset.qr ?? '').catch(() => undefined);
  box.replaceChildren(globalThis.seckillQr?.(text) ?? text);
}

export function hideQr(): void {
  byTestId('scan').hidden = true;
}
