import { keyOf } from '#contract/cdc.ts';
import type { CdcChange } from './sink.ts';

/** What is written in the place of a row that a sink refuses: its key, and why. */
export function setAside({ table, orderId, envelope }: CdcChange, why: string): CdcChange {
  const row = envelope.after ?? envelope.before ?? {};
  return {
    ...{ table, orderId },
    envelope: { ...envelope, after: envelope.after === null ? null : keyOf(table, row), setAside: why },
  };
}
