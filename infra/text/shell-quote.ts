/** The text between single quotes, for a POSIX shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The text as one word of a POSIX shell, for commands that a person pastes: with quotes only where it needs them. */
export const shellQuote = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : quoted(text));
