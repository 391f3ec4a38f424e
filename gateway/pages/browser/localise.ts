import { setText } from './page.ts';
import type { Words } from './words.ts';

const attributes = ['placeholder', 'aria-label', 'title', 'alt', 'data-choose'];

/** What markup cannot hold in several languages: times in the visitor's zone, attributes, the tab's title. */
export function localise({ locale }: Words, remember: (language: string) => void): void {
  const format = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  for (const element of document.querySelectorAll('time')) setText(element, format.format(new Date(element.dateTime)));

  const { language } = document.documentElement.dataset;
  for (const name of attributes) {
    const own = `data-${language}-${name}`;
    for (const element of document.querySelectorAll(`[${own}]`)) {
      element.setAttribute(name, element.getAttribute(own) ?? '');
    }
  }
  document.title = document.querySelector('title')?.getAttribute(`data-${language}`) ?? document.title;

  for (const button of document.querySelectorAll<HTMLElement>('[data-choose]')) {
    if (button.dataset.choose?.toLowerCase() === language) button.ariaCurrent = 'true';
    button.addEventListener('click', () => {
      remember(button.dataset.choose ?? '');
      location.reload();
    });
  }
}
