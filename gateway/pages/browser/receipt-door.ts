import type { OrderView } from '#contract/order.ts';
import { byTestId } from './page.ts';
import { hasReceipt } from './receipt-states.ts';

/** What the order's page knows. `title`: the item's; null while it is not known. */
export type ReceiptFacts = { view: OrderView; title: string | null; locale: string; nowMs: number };
/** What the receipt's own script (receipt.ts) leaves here: it fills the receipt, and shows the button that prints it. */
declare global {
  var seckillReceipt: ((facts: ReceiptFacts) => void) | undefined;
}
let isLoading = false;

/** Called each time the page paints, so paper has what the screen has. Loads the script once the money was taken. */
export function paintReceipt(facts: ReceiptFacts): void {
  if (hasReceipt(facts.view.state) && !isLoading) {
    isLoading = true;
    const script = document.createElement('script');
    script.src = byTestId('receipt').dataset.script ?? '';
    // The next second tries again.
    script.onerror = () => {
      isLoading = false;
      script.remove();
    };
    document.head.append(script);
  }
  globalThis.seckillReceipt?.(facts);
}
