import { quoted } from '../../text/shell-quote.ts';
import type { Kind, Place } from './tree.ts';

const offers: Record<Kind, string> = {
  sale: 'words="$words $(_seckill_sales)"',
  file: 'files=-f',
  directory: 'files=-d',
  other: ':',
};

/**
 * Completion for bash, and for zsh by its bashcompinit: the tree of commands is written out, so a press of Tab starts no
 * process; only ids of sales are asked for, by `salesCommand`.
 */
export function bashCompletion(places: readonly Place[], salesCommand: readonly string[]): string {
  const steps = places.flatMap(({ words, children }) =>
    children.map(({ name }) => `      ${quoted([...words, name].join(' '))}) at="$at\${at:+ }$word" ;;`),
  );
  const cases = places.map(({ words, children, options, argument }) => {
    const offered = [...children.map(({ name }) => name), ...options.map(({ name }) => name)].join(' ');
    const lines = [`words=${quoted(offered)}`, ...(argument === null ? [] : [offers[argument]])];
    return `    ${quoted(words.join(' '))}) ${lines.join('; ')} ;;`;
  });
  const values = new Map(
    places.flatMap(({ options }) =>
      options.flatMap(({ name, takes }) => (takes === null ? [] : [[name, takes] as const])),
    ),
  );
  const valueCases = [...values].map(([name, kind]) => `    ${name}) words=''; ${offers[kind]} ;;`);
  return `# seckill: completion for bash. Load it by: eval "$(npx seckill completion bash)"
_seckill_sales() { ${salesCommand.map(quoted).join(' ')} 2> /dev/null; }
_seckill() {
  local at='' word words='' files='' position
  for ((position = 1; position < COMP_CWORD; position++)); do
    word=\${COMP_WORDS[position]}
    case "$at\${at:+ }$word" in
${steps.join('\n')}
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
${valueCases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  if [ -n "$files" ]; then COMPREPLY+=($(compgen $files -- "\${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -o filenames -F _seckill seckill
`;
}

/** zsh runs the bash script by its own means. */
export function zshCompletion(places: readonly Place[], salesCommand: readonly string[]): string {
  return `#compdef seckill
# seckill: completion for zsh. Load it by: eval "$(npx seckill completion zsh)"
autoload -Uz compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
${bashCompletion(places, salesCommand)}`;
}
