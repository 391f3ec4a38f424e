import { setText } from './page.ts';
import { currentLanguage, currentWords } from './words/speak.ts';

/** What markup cannot hold in two languages: times in the visitor's zone, names for screen readers, the tab's title. */
export function localise(remember: (language: string) => void): void {
  const format = new Intl.DateTimeFormat(currentWords().locale, { dateStyle: 'medium', timeStyle: 'short' });
  for (const element of document.querySelectorAll('time')) setText(element, format.format(new Date(element.dateTime)));

  const isChinese = currentLanguage() === 'zh';
  if (isChinese) {
    for (const name of ['placeholder', 'aria-label']) {
      for (const element of document.querySelectorAll(`[data-zh-${name}]`)) {
        element.setAttribute(name, element.getAttribute(`data-zh-${name}`) ?? '');
      }
    }
  }
  const heading = document.querySelector('.sale h1')?.querySelector(isChinese ? '.zh' : '.en');
  if (heading?.textContent) document.title = `${heading.textContent} · ${isChinese ? '限时抢购' : 'Flash sale'}`;

  document.querySelector('[data-testid="language"]')?.addEventListener('click', () => {
    remember(isChinese ? 'en' : 'zh');
    location.reload();
  });
}
