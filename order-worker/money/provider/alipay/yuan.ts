/** Minor units as Alipay writes an amount: `1999` is `19.99`. */
export function toYuan(fen: number): string {
  const digits = String(fen).padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** An amount of Alipay's, `19.99` or `19.9` or `19`, in minor units; null when it is none. No float is between. */
export function fromYuan(text: string): number | null {
  const match = /^(\d{1,12})(?:\.(\d{1,2}))?$/.exec(text);
  return match === null ? null : Number(`${match[1]}${(match[2] ?? '').padEnd(2, '0')}`);
}
