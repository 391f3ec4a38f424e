import type { Dispatcher } from 'undici';
import type { Answer } from './answer.ts';

type DispatchHandler = Required<Dispatcher.DispatchHandler>;

/** Takes one response of undici's as a whole, without a stream for its body. */
export class WholeAnswer implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;
  #status = 0;
  #retryAfterSeconds = 0;
  readonly #chunks: Buffer[] = [];

  constructor(resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Undici wants it to be there. */
  onRequestStart(): void {}

  onResponseStart(...[, status, headers]: Parameters<DispatchHandler['onResponseStart']>): void {
    this.#status = status; // that of the last, after those that only inform
    this.#retryAfterSeconds = Number(headers['retry-after'] ?? 0);
  }

  onResponseData(...[, chunk]: Parameters<DispatchHandler['onResponseData']>): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const text =
      first === undefined ? '' : (this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)).toString();
    try {
      const body = text === '' ? {} : (JSON.parse(text) as Answer['body']); // both sides are ours
      this.#resolve({ status: this.#status, body, retryAfterSeconds: this.#retryAfterSeconds });
    } catch (error) {
      this.#reject(error);
    }
  }

  onResponseError(...[, error]: Parameters<DispatchHandler['onResponseError']>): void {
    this.#reject(error);
  }
}
