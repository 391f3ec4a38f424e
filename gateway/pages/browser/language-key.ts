/** In the store (store.ts), as JSON: the language that the visitor chose by hand. */
export const languageKey = 'language';
