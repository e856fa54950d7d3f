/** A name from a model as it appears in text: bare where that cannot be misread, else quoted with escapes. */
export function quoteName(name: string): string {
  return /^[\w.:/][\w.:/+@$-]*$/.test(name) ? name : JSON.stringify(name);
}
