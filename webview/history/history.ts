import '../editor/editor.css';
import './history.css';
import { registerControls } from '../controls/toolkit';
import { HistoryHost } from './historyHost';
import { HistoryView } from './historyView';

/** Entry of the history of a recipe. */
function start(): void {
  registerControls();
  const host: HistoryHost = new HistoryHost((state) => view.show(state));
  const view = new HistoryView(host);
  window.addEventListener('error', (event) => {
    const error: unknown = event.error;
    const stack = error instanceof Error ? error.stack : undefined;
    host.channel.notify('view/error', { message: event.message, ...(stack !== undefined && { stack }) });
  });
  window.addEventListener('unhandledrejection', (event) => {
    const reason: unknown = event.reason;
    const stack = reason instanceof Error ? reason.stack : undefined;
    host.channel.notify('view/error', { message: String(reason), ...(stack !== undefined && { stack }) });
  });
  (document.getElementById('root') ?? document.body).append(view.element);
  void view.start();
}

start();
