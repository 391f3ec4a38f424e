const eightHours = 8 * 3_600_000;

/** Unix ms as Alipay writes a time: `2026-12-01 12:00:00`, the second it is in, on clocks of UTC+8 wherever this process runs. */
export const beijingTime = (ms: number): string =>
  new Date(ms + eightHours).toISOString().slice(0, 19).replace('T', ' ');
