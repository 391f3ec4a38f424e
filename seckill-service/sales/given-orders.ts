/** What this process was given of a sale: the highest place, and the ids of its newest orders, in no order. */
export type Given = { place: number; orders: string[] };

/** Orders of its own that a process remembers of a sale. */
const newestKept = 20;

/** What stock Redis granted to this process, by sale. */
export type GivenOrders = {
  saw: (saleId: string, place: number, orderId: string) => void;
  forget: (saleId: string) => void;
  saleIds: () => string[];
  /** As it is now; what is seen later does not change it. */
  copy: () => Map<string, Given>;
};

export function createGivenOrders(): GivenOrders {
  const given = new Map<string, Given & { next: number }>();

  return {
    saw: (saleId, place, orderId) => {
      const mine = given.get(saleId);
      if (mine === undefined) {
        given.set(saleId, { place, orders: [orderId], next: 1 });
        return;
      }
      // A place above all that were seen is a new order's: the newest ones are looked through only for one asked again.
      if (place > mine.place) mine.place = place;
      else if (mine.orders.includes(orderId)) return;
      mine.orders[mine.next] = orderId;
      mine.next = (mine.next + 1) % newestKept;
    },
    forget: (saleId) => void given.delete(saleId),
    saleIds: () => [...given.keys()],
    copy: () => new Map([...given].map(([saleId, { place, orders }]) => [saleId, { place, orders: [...orders] }])),
  };
}
