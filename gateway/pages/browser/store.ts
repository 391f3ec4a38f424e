export type Store = {
  read<Value>(key: string): Value | null;
  write(key: string, value: unknown): void;
  /** Takes away every key that begins so. */
  forget(prefix: string): void;
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
    forget(prefix) {
      for (const key of memory.keys()) if (key.startsWith(prefix)) memory.delete(key);
      try {
        const names = Object.keys(storage()).filter((name) => name.startsWith(`seckill.${prefix}`));
        for (const name of names) storage().removeItem(name);
      } catch {
        // Denied: nothing is kept there.
      }
    },
    onChange(key, listener) {
      addEventListener('storage', (event) => {
        if (event.key !== `seckill.${key}`) return;
        if (event.newValue === null) memory.delete(key); // another tab forgot it
        listener();
      });
    },
  };
}
