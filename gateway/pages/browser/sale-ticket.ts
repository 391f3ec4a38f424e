import type { ProblemCode } from '#contract/problems.ts';
import type { Obtained } from './preparation.ts';
import type { TicketDesk } from './ticket.ts';
import type { Words } from './words.ts';

/** How a press comes to its ticket: by the shopper's answer, or by what the machine obtains. */
export type SaleTicket = {
  /** True once a ticket is in hand; else the shopper was told why not. */
  get: () => Promise<boolean>;
  /** A new question, and the sentence why. */
  askAgain: (sentence: string) => Promise<void>;
};

export const problemWords = (words: Words, problem: Exclude<Obtained, null>) =>
  problem === 'WORK_FAILED' ? words.question.workFailed : words.problems[problem];

export function createSaleTicket(deps: {
  words: Words;
  desk: TicketDesk;
  needsPerson: () => boolean;
  obtain: () => Promise<Obtained>;
  say: (text: string) => void;
  paint: () => void;
}): SaleTicket {
  const { words, desk, needsPerson, obtain, say, paint } = deps;
  const answer = document.querySelector<HTMLInputElement>('input#answer');

  async function askAgain(sentence: string): Promise<void> {
    const problem = await desk.ask();
    if (answer !== null) answer.value = '';
    say(problem === null ? sentence : words.problems[problem]);
    paint();
    answer?.focus();
  }

  /** `UNANSWERED`: the shopper was told what is missing. */
  async function redeemAnswer(): Promise<ProblemCode | 'UNANSWERED' | null> {
    if (desk.challenge() === null) {
      const problem = await desk.ask();
      if (problem !== null) return problem;
      paint();
    }
    const given = answer?.value.trim() ?? '';
    if (given === '') {
      say(words.question.missing);
      answer?.focus();
      return 'UNANSWERED';
    }
    const problem = await desk.redeem(given);
    if (problem !== 'WRONG_ANSWER') return problem;
    await askAgain(words.problems.WRONG_ANSWER);
    return 'UNANSWERED';
  }

  return {
    askAgain,
    async get() {
      if (desk.held() !== null) return true;
      const problem = needsPerson() ? await redeemAnswer() : await obtain();
      if (problem !== null && problem !== 'UNANSWERED') say(problemWords(words, problem));
      return problem === null;
    },
  };
}
