import { byId, say } from './element.ts';

/** Asks before something is done, in words that name it. Escape and closing are a no. */
export function ask(what: string): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>('ask');
  say(byId('ask-what'), what);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
