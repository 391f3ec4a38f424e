import type { OrderCloudEvent } from '#contract/cloud-events.ts';
import type { Answer } from './answer.ts';

/** How far it got: the first `done` events were taken; `failure` is what stopped it, null when nothing did. */
export type Sent = { done: number; failure: Answer | null };

export type Sender = {
  /** Sends events of one order, oldest first. May stop before the last one without a failure: send the rest again. */
  send: (events: readonly OrderCloudEvent[]) => Promise<Sent>;
};
