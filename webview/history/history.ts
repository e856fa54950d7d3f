import '../editor/editor.css';
import './history.css';
import { registerControls } from '../controls/toolkit';
import { reportErrors } from '../host/reportErrors';
import { HistoryHost } from './historyHost';
import { HistoryView } from './historyView';

/** Entry of the history of a recipe. */
function start(): void {
  registerControls();
  const host: HistoryHost = new HistoryHost((state) => view.show(state));
  const view = new HistoryView(host);
  reportErrors((message, stack) =>
    host.channel.notify('view/error', { message, ...(stack !== undefined && { stack }) }),
  );
  (document.getElementById('root') ?? document.body).append(view.element);
  void view.start();
}

start();
