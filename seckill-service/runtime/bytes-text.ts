const units = ['B', 'kB', 'MB', 'GB'];

/** `0 B`, `999 B`, `1.2 kB`, `35 MB`: two digits are enough to see whether it grows. */
export function bytesText(bytes: number): string {
  let [amount, at] = [bytes, 0];
  while (amount >= 1000 && at < units.length - 1) [amount, at] = [amount / 1000, at + 1];
  return `${at > 0 && amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${units[at]}`;
}
