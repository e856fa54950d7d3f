/** Hands exceptions that nobody caught to the extension, whose log is where they can be read. */
export function reportErrors(report: (message: string, stack: string | undefined) => void): void {
  const tell = (message: string, error: unknown) => report(message, error instanceof Error ? error.stack : undefined);
  window.addEventListener('error', (event) => tell(event.message, event.error));
  window.addEventListener('unhandledrejection', (event) => tell(String(event.reason), event.reason));
}
