/** A place in the WAL. As text it is `<high>/<low>`, each up to 8 hexadecimal digits: what PostgreSQL says and takes. */
export type Lsn = bigint;

const form = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** Throws RangeError for a text that is none. */
export function parseLsn(text: string): Lsn {
  const [, high, low] = form.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new RangeError(`no place in the WAL: ${text}`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export const lsnText = (lsn: Lsn): string =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;

/** As an envelope has it. Beyond 2^53 (9 PB of WAL) it throws RangeError: two places may not become one. */
export function lsnNumber(lsn: Lsn): number {
  const value = Number(lsn);
  if (!Number.isSafeInteger(value)) throw new RangeError(`a place in the WAL beyond 2^53: ${lsnText(lsn)}`);
  return value;
}
