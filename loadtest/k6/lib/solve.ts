import { sha256 } from 'k6/crypto';
import { broken } from './answers.ts';

/** What is needed of `GET …/challenge`. */
export type Asked = { challengeId: string; kind: string; question: string; work?: { rounds: number; bits: number } };

/** The answer to a challenge, as a machine finds it: a sum, work, or nothing. A shop's own question is for people. */
export function solve({ challengeId, kind, question, work }: Asked, userId: string): string {
  if (work !== undefined) return findNonces(`${challengeId}.${userId}`, work.rounds, work.bits);
  if (kind === 'none') return '';
  const sum = /(\d+) \+ (\d+)/.exec(question);
  if (sum === null) broken(`a machine cannot answer this: ${question}`);
  return String(Number(sum?.[1]) + Number(sum?.[2]));
}

/** A nonce a round, found by k6's own SHA-256; gateway/tickets/proof-of-work.ts judges them. */
function findNonces(begin: string, rounds: number, bits: number): string {
  const zeros = '0'.repeat(Math.floor(bits / 4));
  const nonces: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (let nonce = 0; ; nonce += 1) {
      const text = nonce.toString(36);
      const hash = sha256(`${begin}.${round}.${text}`, 'hex');
      if (!hash.startsWith(zeros) || Math.clz32(Number.parseInt(hash.slice(0, 8), 16)) < bits) continue;
      nonces.push(text);
      break;
    }
  }
  return nonces.join(',');
}
