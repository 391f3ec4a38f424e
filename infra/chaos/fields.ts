import { rm } from 'node:fs/promises';
import { keepLogs } from '#lab/servers/private-run.ts';

/** Places for fields: each holds one stack, and one round at a time. */
export type Fields<Field> = {
  /** Waits for a free place, with a stack that is well, and does the work there. */
  on: <T>(work: (field: Field, place: number) => Promise<T>) => Promise<T>;
  /** The same in every place where a round was played, one after the other; what was found, in one list. */
  onEach: (work: (field: Field, place: number) => Promise<string[]>) => Promise<string[]>;
  /** The logs of the first place that is hurt stay in `.run/last-chaos-logs`. */
  hurt: (place: number) => void;
  close: () => Promise<void>;
};

const always = () => true;
const never = () => false;

/** `isWell` rejects for a stack that does not recover: its place gets a new one. */
export function openFields<Field extends { close: () => Promise<void> }>(options: {
  root: string;
  count: number;
  open: (dir: string) => Promise<Field>;
  isWell: (field: Field) => Promise<unknown>;
}): Fields<Field> {
  const { root, count } = options;
  const places = Array.from({ length: count }, (_, at) => ({
    dir: at === 0 ? root : `${root}-${at + 1}`,
    field: null as Field | null,
    isHurt: false,
    wasUsed: false,
  }));
  const free = places.map((_, at) => at);
  const waiting: ((at: number) => void)[] = [];
  let isKept = false;

  const placeAt = (at: number) => {
    const place = places[at];
    if (place === undefined) throw new Error(`there is no place ${at}`);
    return place;
  };

  async function clear(at: number): Promise<void> {
    const place = placeAt(at);
    if (place.isHurt && !isKept) {
      isKept = true;
      await keepLogs(place.dir, 'last-chaos-logs');
    }
    await place.field?.close();
    place.field = null;
    await rm(place.dir, { recursive: true, force: true });
  }

  /** The stack of the place; a new one when the last round left one that does not recover, so that it fails alone. */
  async function fieldAt(at: number): Promise<Field> {
    const place = placeAt(at);
    const isWell = place.field !== null && (await options.isWell(place.field).then(always, never));
    if (place.field !== null && isWell) return place.field;
    await clear(at);
    place.field = await options.open(place.dir);
    place.wasUsed = true;
    return place.field;
  }

  const take = (): Promise<number> => {
    const at = free.shift();
    return at === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(at);
  };
  const giveBack = (at: number) => {
    const next = waiting.shift();
    if (next === undefined) free.push(at);
    else next(at);
  };

  return {
    async on(work) {
      const at = await take();
      try {
        return await work(await fieldAt(at), at);
      } finally {
        giveBack(at);
      }
    },
    async onEach(work) {
      const found: string[] = [];
      for (const [at, { wasUsed }] of places.entries()) if (wasUsed) found.push(...(await work(await fieldAt(at), at)));
      return found;
    },
    hurt: (at) => {
      placeAt(at).isHurt = true;
    },
    close: async () => {
      for (const at of places.keys()) await clear(at);
    },
  };
}
