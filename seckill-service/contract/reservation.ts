/**
 * The value of one field of `seckill:{<saleId>}:reservations`: `<state>:<units>:<place>:<acceptedAtMs>:<userId>`.
 * A line of text, not JSON: it is written once per purchase, and a million of them sit in memory. The user comes last
 * because it may hold colons. The Lua scripts in stock/ write it; this is where everyone else reads it.
 */
export const reservationStates = { h: 'held', c: 'committed', r: 'released' } as const;
export type ReservationState = (typeof reservationStates)[keyof typeof reservationStates];

export type Reservation = {
  state: ReservationState;
  units: number;
  /** Position among all units granted in this sale, the order's last unit counted; unique, growing. */
  place: number;
  /** Unix ms, Redis' clock. */
  acceptedAt: number;
  userId: string;
};

const pattern = /^([hcr]):(\d+):(\d+):(\d+):(.+)$/s;

/** Reads one record; throws on anything that the scripts did not write, because then the stock itself is in doubt. */
export function parseReservation(text: string): Reservation {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`not a reservation record: ${JSON.stringify(text.slice(0, 80))}`);
  const [, letter = '', units, place, acceptedAt, userId = ''] = match;
  const state = reservationStates[letter as keyof typeof reservationStates];
  return { state, units: Number(units), place: Number(place), acceptedAt: Number(acceptedAt), userId };
}
