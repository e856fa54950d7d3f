import '../editor/editor.css';
import '../charts/chart.css';
import '../layers/layers.css';
import './compare.css';
import { registerControls } from '../controls/toolkit';
import { reportErrors } from '../host/reportErrors';
import { CompareHeader } from './compareHeader';
import { CompareModel } from './compareModel';
import { CompareTable } from './compareTable';

/** Puts the comparison together: both files and their figures, below them the tables. */
function start(): void {
  registerControls();
  const model = new CompareModel();
  reportErrors((message, stack) => model.reportError(message, stack));
  const header = new CompareHeader(model);
  const tables = new CompareTable(model);
  const root = document.getElementById('root') ?? document.body;
  root.classList.add('editor', 'compare');
  root.append(header.element, tables.element);
  model.onDidChange(() => {
    header.update();
    tables.update();
  });
  void model.start();
}

start();
