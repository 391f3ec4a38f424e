/** One second of one route. */
export type AnswersOfSecond = { outcomes: Map<string, number>; ms: number[] };

/**
 * How the shoppers fared who asked for a ticket: ms from the first question to the ticket, waits included, of each who got
 * one; `<step> <outcome>` of the others.
 */
export type TicketsTold = { waysMs: number[]; missed: Map<string, number> };

/**
 * What the k6 scripts told of their answers (loadtest/k6/lib/answers.ts is the other side), by second and route. It
 * keeps each duration, so percentiles are exact: a million of them are eight megabytes.
 */
export class Answers {
  /** Unix second → route. */
  readonly seconds = new Map<number, Map<string, AnswersOfSecond>>();
  readonly broken: string[] = [];
  brokenCount = 0;
  total = 0;
  startedAtMs: number | null = null;
  readonly tickets: TicketsTold = { waysMs: [], missed: new Map() };
  /** Buyers for whom there was no ticket. */
  emptyHanded = 0;
  readonly #onTicket: (line: string) => void;

  /** `onTicket` gets `<shopper's number> <ticket>` of each that was got through the edge. */
  constructor(onTicket: (line: string) => void = () => {}) {
    this.#onTicket = onTicket;
  }

  /** Takes a line without its `~`. Throws on one that the scripts do not write. */
  take(line: string): void {
    if (line.startsWith('start ')) {
      this.startedAtMs = Number(line.slice('start '.length));
      return;
    }
    if (line.startsWith('broken ')) {
      this.brokenCount += 1;
      if (this.broken.length < 20) this.broken.push(line.slice('broken '.length));
      return;
    }
    for (const answer of line.split(';')) {
      if (answer.startsWith('got,')) this.#got(answer);
      else if (answer.startsWith('missed,')) this.#missed(answer);
      else this.#add(answer);
    }
  }

  #got(text: string): void {
    const [, number, ticket, ms] = text.split(',');
    this.tickets.waysMs.push(Number(ms));
    this.#onTicket(`${number} ${ticket}`);
  }

  #missed(text: string): void {
    const [, step, outcome] = text.split(',');
    if (step === 'press') this.emptyHanded += 1;
    else {
      const reason = `${step} ${outcome}`;
      this.tickets.missed.set(reason, (this.tickets.missed.get(reason) ?? 0) + 1);
    }
  }

  #add(text: string): void {
    const [route, outcome, second, ms] = text.split(',');
    if (route === undefined || outcome === undefined || !Number.isFinite(Number(second)) || ms === undefined) {
      throw new Error(`a k6 script told something that is no answer: ${text.slice(0, 100)}`);
    }
    const routes = getOr(this.seconds, Number(second), () => new Map<string, AnswersOfSecond>());
    const answers = getOr(routes, route, () => ({ outcomes: new Map<string, number>(), ms: [] }));
    answers.outcomes.set(outcome, (answers.outcomes.get(outcome) ?? 0) + 1);
    answers.ms.push(Number(ms));
    this.total += 1;
  }
}

export function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
