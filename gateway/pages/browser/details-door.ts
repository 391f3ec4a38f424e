import type { OrderView } from '#contract/order.ts';
import { byTestId, type Page } from './page.ts';

/** What the form's own script (order-details.ts) leaves here: it makes the form ready, and gives what was filled in. */
export type ReadyForm = (
  form: HTMLFormElement,
  deps: { page: Page; path: string; collect: OrderView['collect']; onGiven: () => void },
) => void;
declare global {
  var seckillDetails: ReadyForm | undefined;
}

/** Where the order's sale asks for contact or address: loads the form and shows it, before paying, or to change them. */
export function createDetailsDoor(page: Page, path: string, onGiven: () => void) {
  const form = byTestId<HTMLFormElement>('details');
  const change = byTestId('change-details');
  let isChanging = false;
  let isLoading = false;
  let isReady = false;
  let view: OrderView | null = null;

  function load(collect: OrderView['collect']): void {
    if (isLoading) return;
    isLoading = true;
    const script = document.createElement('script');
    script.src = form.dataset.script ?? '';
    script.onload = () => {
      isReady = true;
      seckillDetails?.(form, {
        ...{ page, path, collect },
        onGiven: () => {
          isChanging = false;
          onGiven();
        },
      });
      paint();
    };
    // The next second tries again.
    script.onerror = () => {
      isLoading = false;
      script.remove();
    };
    document.head.append(script);
  }

  function paint(): void {
    if (view === null) return;
    const asks = view.state === 'awaiting_payment' && view.collect.length > 0;
    const isWanted = asks && (isChanging || !view.hasDetails);
    if (isWanted && !isReady) load(view.collect);
    form.hidden = !isWanted || !isReady;
    change.hidden = !asks || isWanted;
  }

  change.addEventListener('click', () => {
    isChanging = true;
    paint();
    form.querySelector<HTMLElement>('div:not([hidden]) input')?.focus();
  });
  return {
    paint(next: OrderView): void {
      view = next;
      paint();
    },
  };
}
