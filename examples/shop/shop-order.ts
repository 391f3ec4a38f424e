/** An order that its shopper came with, as this shop knows it. */
export type ShopOrder = {
  id: string;
  userId: string;
  quantity: number;
  amount: { amount: number; currency: string };
  payBy: string;
  /** Our own id of the payment, once the money is here. */
  payment: string | null;
  state: 'open' | 'paid' | 'cancelled' | 'refunded' | 'given back';
  /** What the shopper is told. */
  says: string;
};
