import type { Params } from '../../src/protocol/channel';
import type { DiffView, ReviewPart, ReviewRequests, ReviewState } from '../../src/protocol/review';
import { element, fill, type Child } from '../controls/element';
import { actionButton, linkButton } from '../controls/toolkit';
import { errorLine, loadingLine, messageLine } from '../editor/messages';
import { answersOf, answerStrip } from './answers';
import { fieldTable, figureTable } from './diffTables';
import { LayerTable } from './layerTable';

/** Asks the extension; the sentence is shown when that fails. */
export type Ask = <K extends keyof ReviewRequests>(type: K, params: Params<ReviewRequests, K>, failed: string) => void;

const names: Record<DiffView['kind'], string> = { recipe: 'Recipe', lock: 'Lock', report: 'Report', model: 'Model' };

/** Title and actions, the answers, the layers that changed, then recipe, lock and report. */
export class ReviewView {
  readonly element: HTMLElement;
  private readonly title = element('h1', { class: 'title' });
  private readonly facts = element('div', { class: 'facts' });
  private readonly reasons = element('div', { class: 'stale-reasons', attributes: { 'aria-live': 'polite' } });
  private readonly stale: HTMLElement;
  private readonly notices = element('div', { class: 'messages', attributes: { 'aria-live': 'polite' } });
  private readonly strip = element('div');
  private readonly sections = element('div', { class: 'sections' });
  private readonly layers: LayerTable;
  private readonly allocate;
  private readonly copy;
  private state: ReviewState | undefined;
  private failure: string | undefined;

  constructor(
    private readonly ask: Ask,
    showSame: boolean,
    onShowSame: (state: ReviewState, showSame: boolean) => void,
  ) {
    this.layers = new LayerTable(
      (layer) => ask('layer/open', { layer }, 'The layer was not opened'),
      showSame,
      (same) => this.state !== undefined && onShowSame(this.state, same),
    );
    this.allocate = actionButton({
      label: 'Re-allocate',
      appearance: 'secondary',
      onClick: () => ask('lock/allocate', null, 'Allocate did not start'),
    });
    const compare = actionButton({
      label: 'Compare with…',
      appearance: 'secondary',
      onClick: () => ask('revision/choose', null, 'Nothing else was compared'),
    });
    this.copy = actionButton({
      label: 'Copy as Markdown',
      appearance: 'secondary',
      onClick: () => ask('markdown/copy', null, 'Nothing was copied'),
    });
    this.stale = element('div', { class: 'stale' }, this.reasons, this.allocate.element);
    this.element = element(
      'main',
      { class: 'review scroll' },
      element(
        'header',
        {},
        element(
          'div',
          { class: 'title-line' },
          this.title,
          this.facts,
          element(
            'div',
            { class: 'actions', attributes: { role: 'group', 'aria-label': 'Actions' } },
            compare.element,
            this.copy.element,
          ),
        ),
        this.stale,
        this.strip,
        this.notices,
      ),
      this.sections,
    );
    this.stale.hidden = true;
  }

  /** Layers that did not change are listed too. */
  get showSame(): boolean {
    return this.layers.showSame;
  }

  update(state: ReviewState): void {
    this.state = state;
    this.failure = undefined;
    this.title.textContent = state.title;
    this.facts.textContent = `${state.before} → ${state.after}`;
    this.facts.title = this.facts.textContent;
    this.stale.hidden = state.stale.length === 0;
    fill(this.reasons, ...state.stale.map((reason) => messageLine('warning', reason)));
    this.allocate.setState(state.actions.allocate);
    this.copy.setState(state.actions.copyMarkdown);
    fill(this.strip, answerStrip(answersOf(state.parts)));
    this.updateNotices();
    fill(this.sections, ...this.drawSections(state));
  }

  /** Something the user asked for did not happen. */
  fail(what: string, error: unknown): void {
    this.failure = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    this.updateNotices();
  }

  private updateNotices(): void {
    const { state } = this;
    fill(
      this.notices,
      this.failure === undefined ? undefined : errorLine({ code: 'view', message: this.failure }),
      state?.problem === undefined
        ? undefined
        : messageLine(
            'info',
            state.problem,
            linkButton('Compare two files', () => this.ask('files/choose', null, 'No files were compared')),
          ),
    );
  }

  private drawSections(state: ReviewState): Child[] {
    if (state.status === 'loading') {
      return [element('section', { class: 'section' }, loadingLine('Comparing'))];
    }
    const diff = (kind: DiffView['kind']) => {
      const outcome = state.parts.find((part) => part.kind === kind)?.outcome;
      return outcome?.status === 'compared'
        ? outcome.diff
        : outcome?.status === 'added'
          ? allNew(outcome.diff)
          : undefined;
    };
    const main = diff('lock') ?? diff('report') ?? diff('model');
    const layers =
      main === undefined || main.layers.length === 0
        ? undefined
        : section('Layers', '', this.layers.draw(main, diff('report'), state.actions.openLayer));
    return [layers, ...state.parts.map((part) => this.drawPart(part))];
  }

  private drawPart(part: ReviewPart): HTMLElement {
    const { kind, before, after, outcome } = part;
    const open = linkButton('Open', () => this.ask('file/open', { kind }, 'The file was not opened'), `Open ${after}`);
    open.setAttribute('aria-label', `Open ${names[kind].toLowerCase()}`);
    switch (outcome.status) {
      case 'added':
        return section(names[kind], after, text(`Not in ${this.state?.before ?? before}: it is new.`), open);
      case 'removed':
        return section(names[kind], before, text(`Not in ${this.state?.after ?? after} any more.`));
      case 'failed':
        return section(names[kind], `${before} → ${after}`, errorLine(outcome.error), open);
      case 'compared':
        return section(names[kind], `${before} → ${after}`, this.drawDiff(outcome.diff), open);
    }
  }

  private drawDiff(diff: DiffView): Child {
    if (diff.same) {
      return text('No difference in meaning.');
    }
    const overrides = diff.kind === 'recipe' ? diff.layers.filter(({ status }) => status !== 'same') : [];
    const fields = [
      ...diff.fields,
      ...overrides.flatMap(({ name, before = {}, after = {} }) =>
        [...new Set([...Object.keys(before), ...Object.keys(after)])]
          .filter((field) => before[field] !== after[field])
          .map((field) => ({
            field: `layers.${name}.${field}`,
            ...(before[field] === undefined ? {} : { before: before[field] }),
            ...(after[field] === undefined ? {} : { after: after[field] }),
          })),
      ),
    ];
    // The lock's figures are the answers above.
    const figures = diff.kind === 'report' || diff.kind === 'model' ? figureTable(diff.figures) : undefined;
    const label = `${names[diff.kind]}: fields that changed`;
    const table = fields.length === 0 ? undefined : fieldTable(label, fields);
    return figures === undefined && table === undefined
      ? text(diff.kind === 'lock' ? 'Made from the same inputs.' : 'No other field changed.')
      : element('div', { class: 'tables' }, figures, table);
  }
}

/** A file that has nothing to be compared with: each of its layers is new. */
function allNew(diff: DiffView | undefined): DiffView | undefined {
  return (
    diff && {
      ...diff,
      layers: diff.layers.map(({ name, after = {} }) => ({ name, status: 'added', after, changes: {} })),
      unchangedLayers: 0,
    }
  );
}

function section(title: string, note: string, content: Child, ...actions: readonly Child[]): HTMLElement {
  return element(
    'section',
    { class: 'section', attributes: { 'aria-label': title } },
    element(
      'div',
      { class: 'section-head' },
      element('h2', { class: 'section-title', text: title }),
      element('span', { class: 'section-note', text: note, title: note }),
      ...actions,
    ),
    content,
  );
}

function text(sentence: string): HTMLElement {
  return element('p', { class: 'empty', text: sentence });
}
