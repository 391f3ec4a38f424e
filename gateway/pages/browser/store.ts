export type Store = {
  read<Value>(key: string): Value | null;
  write(key: string, value: unknown): void;
  /** Told when another tab wrote `key`. */
  onChange(key: string, listener: () => void): void;
};

/** JSON under `seckill.*`; where the browser denies storage, it lasts as long as the page. */
export function createStore(storage: () => Storage): Store {
  const memory = new Map<string, string>();
  return {
    read(key) {
      try {
        return JSON.parse(storage().getItem(`seckill.${key}`) ?? memory.get(key) ?? 'null');
      } catch {
        return JSON.parse(memory.get(key) ?? 'null');
      }
    },
    write(key, value) {
      const text = JSON.stringify(value);
      memory.set(key, text);
      try {
        storage().setItem(`seckill.${key}`, text);
      } catch {
        // Denied or full: the copy in memory has to do.
      }
    },
    onChange(key, listener) {
      addEventListener('storage', (event) => {
        if (event.key === `seckill.${key}`) listener();
      });
    },
  };
}
