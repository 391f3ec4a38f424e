import type { Challenge } from '#contract/challenge.ts';
import type { SaleState } from '#contract/sale.ts';
import { inLanguage } from '../words/in-language.ts';
import type { Words } from './words.ts';

export type ButtonView = { label: string; isLive: boolean };

/** What the one button of the sale page says, and whether it can be pressed. Pure: every state of a shopper in one place. */
export function buttonView(
  words: Words,
  at: {
    state: SaleState | null;
    /** What is under way, in words. */
    doing: string | null;
    ticket: 'none' | 'ready' | 'tried';
    canPrepare: boolean;
    /** All that one person may have is bought. */
    hasAll: boolean;
  },
): ButtonView {
  const { buy } = words;
  if (at.doing !== null) return { label: at.doing, isLive: true };
  if (at.hasAll) return { label: buy.seeOrder, isLive: true };
  if (at.state === null) return { label: buy.wait, isLive: false };
  if (at.ticket === 'tried') return { label: buy.again, isLive: true };
  if (at.state === 'open') return { label: buy.now, isLive: true };
  if (at.state === 'upcoming' && at.ticket === 'ready') return { label: buy.ready, isLive: false };
  if (at.state === 'upcoming' && at.canPrepare) return { label: buy.getReady, isLive: true };
  return { label: words.saleLabels[at.state], isLive: false };
}

/** The built-in sum (sumQuestion in gateway/tickets/quiz.ts) comes in English and Chinese; here it is said in any language. */
function inOwnWords({ fill, question: { sum } }: Words, question: string): string {
  const [, a, b] = /^What is (\d+) \+ (\d+)\?$/.exec(question) ?? [];
  return b === undefined ? question : fill(sum, { a, b });
}

/** The line over the answer: the question itself, or when it comes. */
export function questionText(
  words: Words,
  at: {
    state: SaleState | null;
    isReady: boolean;
    canPrepare: boolean;
    /** Of the machine's work, 0 to 1. */
    progress: number | null;
    isWork: boolean;
    challenge: Challenge | null;
    prepareMs: number;
    /** No question is for a stranger. */
    needsSignIn: boolean;
  },
): string {
  const { question } = words;
  if (at.isReady) return at.isWork ? question.workDone : question.done;
  if (at.needsSignIn) return at.isWork ? question.workEarly : question.signIn;
  if (at.isWork && (at.progress !== null || at.canPrepare))
    return words.fill(question.work, { percent: Math.round((at.progress ?? 0) * 100) });
  if (at.isWork) return question.workEarly;
  if (at.challenge !== null)
    return inLanguage(at.challenge.questions, words.tag) ?? inOwnWords(words, at.challenge.question);
  if (at.canPrepare) return question.fetching;
  if (at.state === 'upcoming') return words.fill(question.early, { count: Math.round(at.prepareMs / 60_000) });
  return question.later;
}
