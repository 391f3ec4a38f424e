import { dirname, resolve } from 'node:path';
import { type SaleFile, saleFileSchema } from '#contract/sale.ts';
import type { PreparedPicture } from '#gateway/pages/picture.ts';
import { sealQuiz } from '#gateway/tickets/quiz.ts';
import { readJsonFile } from '#runtime/files/json-file.ts';
import { FileProblem, readRegularFile } from '#runtime/files/regular-file.ts';
import type { NewSale } from '#sales/catalogue.ts';
import { CliError } from '../kit/cli-error.ts';

/** Reads and checks a sale file; every mistake is named at once. */
export async function readSaleFile(path: string): Promise<SaleFile> {
  const value = await readJsonFile(path).catch((error) => refuse(path, path, error));
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
  const bytes = await readRegularFile(path, maxPictureBytes).catch((error) => refuse(path, `picture ${path}`, error));
  const picture = await preparePicture(bytes);
  if ('problem' in picture) throw new CliError(`picture ${path} ${picture.problem}`, 2);
  return picture;
}

/** `subject`: how the refusal of a file begins that is there and cannot be used. */
function refuse(path: string, subject: string, error: NodeJS.ErrnoException): never {
  if (error instanceof FileProblem) throw new CliError(`${subject} ${error.message}`, 2);
  throw new CliError(`cannot read ${path}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`, 2);
}
