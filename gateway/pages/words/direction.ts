/** Which way the language is written, as `dir` says it. `lang`: a tag (BCP 47), as a page's `lang` names it. */
export const directionOf = (lang: string): 'ltr' | 'rtl' =>
  new Intl.Locale(lang).getTextInfo().direction === 'rtl' ? 'rtl' : 'ltr';
