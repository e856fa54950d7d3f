import './editor.css';
import { BitsView } from '../bits/bitsView';
import { element } from '../controls/element';
import { registerControls } from '../controls/toolkit';
import { GraphView } from '../graph/graphView';
import { reportErrors } from '../host/reportErrors';
import { Inspector } from '../inspector/inspector';
import { Splitter } from '../inspector/splitter';
import { LayersView } from '../layers/layersView';
import { OverviewView } from '../overview/overviewView';
import { SparsityView } from '../sparsity/sparsityView';
import { EditorModel } from './editorModel';
import { Header } from './header';
import { Tabs } from './tabs';

/** Puts the window together: header, tabs, the view on show, the inspector beside it. */
function start(): void {
  registerControls();
  const model = new EditorModel();
  reportErrors((message, stack) => model.reportError(message, stack));

  const header = new Header(model);
  const inspector = new Inspector(model);
  const views = [
    { id: 'overview', label: 'Overview', view: new OverviewView(model) },
    { id: 'layers', label: 'Layers', view: new LayersView(model) },
    { id: 'graph', label: 'Graph', view: new GraphView(model) },
    { id: 'bits', label: 'Bits', view: new BitsView(model) },
    { id: 'sparsity', label: 'Sparsity', view: new SparsityView(model) },
  ] as const;
  const panels = views.map(({ id, label, view }) => ({
    id,
    label,
    view,
    panel: element('div', { class: `view view-${id}` }, view.element),
  }));
  const tabs = new Tabs(panels, (tab) => model.showTab(tab));
  const main = element('main', { class: 'views' }, ...panels.map(({ panel }) => panel));
  const root = document.getElementById('root') ?? document.body;
  root.classList.add('editor');
  const body = element('div', { class: 'body' });
  const splitter = new Splitter(300, model.view.inspectorWidth, body, (inspectorWidth) =>
    model.remember({ inspectorWidth }),
  );
  main.append(splitter.element);
  body.append(main, inspector.element);
  header.element.append(tabs.element);
  root.append(header.element, body);

  model.onDidChange(() => {
    header.update();
    tabs.update(model.view.tab);
    panels.find(({ id }) => id === model.view.tab)?.view.update();
    inspector.update();
  });
  tabs.update(model.view.tab);
  void model.start();
}

start();
