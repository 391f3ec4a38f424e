import { type Arrival, takeArrival } from './arrival.ts';
import { createShopSignIn, type ShopSignIn } from './sign-in.ts';
import { createStore, type Store } from './store.ts';

/** What the browser keeps for this shop, and how the shopper came. */
export type Visit = { lasting: Store; signIn: ShopSignIn | null; arrival: Arrival | null };

/** To be asked for first, and once: it cleans the address of what a sign-in sent. */
export function beginVisit(): Visit {
  const lasting = createStore(() => localStorage);
  const tab = createStore(() => sessionStorage);
  const signIn = createShopSignIn({ root: document.documentElement, cookies: () => document.cookie, tab });
  const replace = (href: string) => history.replaceState(history.state, '', href);
  return { lasting, signIn, arrival: takeArrival({ href: location.href, replace, tab, lasting, signIn }) };
}
