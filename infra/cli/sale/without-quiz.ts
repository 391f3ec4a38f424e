/** For people and programs: how many questions there are; the sealed answers say nothing to anyone. */
export function withoutQuiz<Sale extends { sealedQuiz?: unknown[] | undefined }>({ sealedQuiz, ...sale }: Sale) {
  return sealedQuiz === undefined ? sale : { ...sale, questions: sealedQuiz.length };
}
