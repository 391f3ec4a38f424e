import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type SaleFile, saleFileSchema } from '#contract/sale.ts';
import type { PreparedPicture } from '#gateway/pages/picture.ts';
import { sealQuiz } from '#gateway/tickets/quiz.ts';
import type { NewSale } from '#sales/catalogue.ts';
import { CliError } from '../kit/cli-error.ts';

/** Far above any sale file; what is larger is some other file. */
const maxFileBytes = 1_000_000;

/** Reads and checks a sale file; every mistake is named at once. */
export async function readSaleFile(path: string): Promise<SaleFile> {
  const text = (await readUpTo(path, maxFileBytes, `${path} is not valid JSON: it`)).toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CliError(`${path} is not valid JSON: ${error instanceof Error ? error.message : String(error)}`, 2);
  }
  const result = saleFileSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? `unknown field ${issue.keys.join(', ')}` : null;
    return unknown ?? `${issue.path.join('.') || 'the file'} ${sentence(issue)}`;
  });
  throw new CliError(`${path}: ${problems.join('; ')}`, 2);
}

function sentence(issue: { code: string; message: string }): string {
  const text = issue.message.replace(/^Invalid input: /, 'is wrong: ');
  return text.includes('received undefined') ? 'is missing' : text;
}

/** The sale as it is stored: the answers of its quiz sealed, they leave the file in no other form. */
export function toNewSale({ quiz, picture: _, ...sale }: SaleFile, challengeSecret: () => string): NewSale {
  return quiz === undefined ? sale : { ...sale, sealedQuiz: sealQuiz(challengeSecret(), sale.saleId, quiz) };
}

/** The sale's picture, looked for beside the sale file, made ready for pages. Null when the sale names none. */
export async function readPicture(sale: SaleFile, saleFile: string): Promise<PreparedPicture | null> {
  if (sale.picture === undefined) return null;
  const path = resolve(dirname(saleFile), sale.picture);
  const { maxPictureBytes, preparePicture } = await import('#gateway/pages/picture.ts'); // decoders of pictures
  // A file that is too large is refused unread.
  const picture = await preparePicture(await readUpTo(path, maxPictureBytes, `picture ${path}`));
  if ('problem' in picture) throw new CliError(`picture ${path} ${picture.problem}`, 2);
  return picture;
}

/** `subject`: how the refusal of a file that is too large begins. */
async function readUpTo(path: string, maxBytes: number, subject: string): Promise<Buffer> {
  const fail = (error: NodeJS.ErrnoException): never => {
    throw new CliError(`cannot read ${path}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`, 2);
  };
  const { size } = await stat(path).catch(fail);
  if (size > maxBytes) {
    throw new CliError(`${subject} is ${(size / 1e6).toFixed(1)} MB: at most ${maxBytes / 1e6} MB`, 2);
  }
  return readFile(path).catch(fail);
}
