// Taking keys out of what is traced.

/** Messages whose bodies hold keys. */
const SECRET = /codeteam\/secret/;

/** A traced message without the body where that holds a key, and without any key that is known. */
export function redacted(message: string, known: Iterable<string>): string {
  const [first = ''] = message.split('\n', 1);
  let text = SECRET.test(first) ? `${first} (the body is not traced)` : message;
  for (const key of known) text = text.replaceAll(key, '•••');
  return text;
}
