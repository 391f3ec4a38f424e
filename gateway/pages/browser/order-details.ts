import { countries, withoutPostalCode } from '#contract/countries.ts';
import type { ReadyForm } from './details-door.ts';
import { byTestId, setText } from './page.ts';
import { askPatiently } from './purchase.ts';

type Field = HTMLInputElement | HTMLSelectElement;
const mayBeEmpty = new Set(['address.lines.1', 'address.region']);

/**
 * The form for contact and address. What can be seen here is said at once, beside its field, in the visitor's language; the
 * server judges all of it, and its refusal names fields. Nothing that was filled in is kept in the browser.
 */
const readyForm: ReadyForm = (form, { page, path, collect, onGiven }) => {
  const { words } = page;
  const texts = words.details;
  const message = byTestId('details-message');
  for (const group of form.querySelectorAll<HTMLElement>('[data-detail]'))
    group.hidden = !collect.some((detail) => detail === group.dataset.detail);
  const fields = [...form.querySelectorAll<Field>('[data-detail]:not([hidden]) :is(input, select)')];
  const fieldOf = (name: string) => fields.find((field) => field.name === name);
  const textOf = (name: string) => fieldOf(name)?.value.trim() ?? '';
  fillCountries(fieldOf('address.country'), words.locale);

  function problemOf({ name, value, validity }: Field): string {
    const isLeftOut = value.trim() === '';
    if (isLeftOut) {
      const hasNone = name === 'address.postalCode' && withoutPostalCode.includes(textOf('address.country'));
      return mayBeEmpty.has(name) || hasNone ? '' : texts.missing;
    }
    if (name === 'email' && validity.typeMismatch) return texts.email;
    if (name === 'phone' && (value.match(/\p{Nd}/gu)?.length ?? 0) < 6) return texts.phone;
    return '';
  }

  function show(field: Field, problem: string): void {
    setText(document.querySelector(`#${field.id}-problem`) ?? message, problem);
    if (problem === '') field.removeAttribute('aria-invalid');
    else field.setAttribute('aria-invalid', 'true');
  }

  /** Each problem beside its field; the first one has the focus. False when there is none. */
  function showAll(problems: ReadonlyMap<Field, string>): boolean {
    for (const field of fields) show(field, problems.get(field) ?? '');
    const [first] = fields.filter((field) => problems.has(field));
    first?.focus();
    return first !== undefined;
  }

  /** `<field>: <what to do>; …`, in English: where it is counts, what to do is said in the visitor's language. */
  function refusedFields(detail: string): Map<Field, string> {
    const names = [...detail.matchAll(/(?:^|; )([\w.]+): /g)].map(([, name = '']) => name);
    return new Map(
      names.flatMap((name) => {
        const field = fieldOf(name) ?? fields.find((each) => each.name.startsWith(name));
        const plain = field?.name === 'email' ? texts.email : field?.name === 'phone' ? texts.phone : texts.unfit;
        return field === undefined ? [] : [[field, field.value.trim() === '' ? texts.missing : plain] as const];
      }),
    );
  }

  function filledIn(): Record<string, unknown> {
    const some = (name: string) => (textOf(name) === '' ? undefined : textOf(name));
    const address = {
      lines: ['address.lines.0', 'address.lines.1'].map(textOf).filter((line) => line !== ''),
      city: textOf('address.city'),
      postalCode: some('address.postalCode'),
      region: some('address.region'),
      country: textOf('address.country'),
    };
    return Object.fromEntries(collect.map((detail) => [detail, detail === 'address' ? address : textOf(detail)]));
  }

  let isGiving = false;
  async function give(): Promise<void> {
    if (isGiving) return;
    setText(message, '');
    const found = fields.flatMap((field) => (problemOf(field) === '' ? [] : [[field, problemOf(field)] as const]));
    if (showAll(new Map(found))) return;
    isGiving = true;
    byTestId('give-details').setAttribute('aria-busy', 'true');
    const waiting = {
      sleep: page.sleep,
      nowMs: page.clock.now,
      random: Math.random,
      onWait: () => setText(message, words.order.lost),
    };
    const body = filledIn();
    const reply = await askPatiently(waiting, () => page.session.call('PUT', `${path}/details`, { body }));
    isGiving = false;
    byTestId('give-details').removeAttribute('aria-busy');
    setText(message, '');
    if (reply.kind === 'ok') return onGiven();
    if (reply.kind === 'refused' && reply.code === 'BAD_REQUEST' && showAll(refusedFields(reply.detail ?? ''))) return;
    setText(message, reply.kind === 'lost' ? words.problems.UNAVAILABLE : words.problems[reply.code]);
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void give();
  });
  // A field that is mended says so at once.
  form.addEventListener('input', ({ target }) => {
    const field = fields.find((each) => each === target);
    if (field?.getAttribute('aria-invalid') === 'true' && problemOf(field) === '') show(field, '');
  });
};

/** In the visitor's language and order; theirs is chosen, as far as the browser's language tells. */
function fillCountries(select: Field | undefined, locale: string): void {
  if (!(select instanceof HTMLSelectElement)) return;
  const names = new Intl.DisplayNames(locale, { type: 'region' });
  const { compare } = new Intl.Collator(locale);
  const own = new Intl.Locale(navigator.language).maximize().region;
  const listed = countries
    .map((code) => ({ code, name: names.of(code) ?? code }))
    .sort((a, b) => compare(a.name, b.name));
  select.append(...listed.map(({ code, name }) => new Option(name, code, code === own, code === own)));
}

globalThis.seckillDetails = readyForm;
