import type { EdgeSaleOffice } from '#contract/edge-office.ts';
import type { SaleNode } from '#contract/sale.ts';
import { sealStart } from './quiz.ts';

/** What the edge makes this sale's challenges of, in the texts that it joins. */
export function saleOfficeOf({ saleId, challenge, quiz = [], challengeLeadSeconds }: SaleNode): EdgeSaleOffice {
  return {
    kind: challenge,
    leadMs: challengeLeadSeconds === undefined ? null : challengeLeadSeconds * 1000,
    questions: (challenge === 'quiz' ? quiz : []).map(({ question, sealedAnswers }) => ({
      json: JSON.stringify({ question: question.en, questions: question }).slice(1, -1),
      seal: sealStart(saleId, question.en),
      sealedAnswers,
    })),
  };
}
