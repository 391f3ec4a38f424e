import { handOverKeySetSchema } from '#contract/hand-over-keys.ts';
import { counted } from '#runtime/counted.ts';
import { type AskedEdge, askEdge, type EdgeAnswer } from './edge-answers.ts';
import { type Found, fail, pass } from './finding.ts';

/** Whether shoppers can be sent to the shop's own checkout, at `url`: order-worker shows its keys only when it is set up for that. */
export async function checkCheckout(edges: readonly AskedEdge[], url: string): Promise<Found> {
  const [edge] = edges;
  if (edge === undefined) return fail('there is no edge to ask for the keys of the hand-over', 'seckill status');
  return judgeKeys(await askEdge(edge, '/api/hand-over/keys'), url);
}

const missing =
  'set SECKILL_HAND_OVER_KEY, SECKILL_HAND_OVER_SECRET and SECKILL_PUBLIC_URL on every order-worker (docs/hand-over.md)';

export function judgeKeys({ status, text, says }: Pick<EdgeAnswer, 'status' | 'text' | 'says'>, url: string): Found {
  if (status !== 200) return fail(`the keys of the hand-over: ${says}`, 'seckill status');
  const { keys } = handOverKeySetSchema.parse(JSON.parse(text));
  if (keys.length === 0) return fail(`${url} takes the money, and nobody can be sent there`, missing);
  return pass(`${url} takes the money; ${counted(keys.length, 'key')} to prove where its shoppers come from`);
}
