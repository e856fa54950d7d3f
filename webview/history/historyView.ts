import type { HistoryRequests, HistoryState, PersistedHistoryState, RunView } from '../../src/protocol/history';
import { RemoteError, type Params, type Result } from '../../src/protocol/channel';
import { Scatter } from '../charts/scatter';
import { element, fill } from '../controls/element';
import { actionButton, linkButton, type ActionButton } from '../controls/toolkit';
import { emptySlot, errorLine, messageLine } from '../editor/messages';
import { VirtualTable } from '../table/virtualTable';
import { count } from '../text/numbers';
import { historyColumns } from './historyColumns';
import type { HistoryHost } from './historyHost';
import { differenceText } from './runText';
import { runScatter } from './runScatter';

/** What may be selected without asking anything of a reader's patience. */
const HINT = 'Ctrl+click or Space selects more than one';

/** The runs of a recipe: a picture of size against accuracy, the table of all figures, and what can be done with runs. */
export class HistoryView {
  readonly element = element('div', { class: 'history' });
  private state: HistoryState | undefined;
  private kept: PersistedHistoryState;
  /** The run under the cursor. */
  private current: string | undefined;
  private readonly title = element('h1', { class: 'title' });
  private readonly facts = element('div', { class: 'facts' });
  private readonly messages = element('div', { class: 'messages', attributes: { 'aria-live': 'polite' } });
  private readonly empty = element('div', { class: 'history-empty' });
  private readonly summary = element('span', { class: 'toolbar-count', attributes: { 'aria-live': 'polite' } });
  private readonly content = element('div', { class: 'history-content' });
  private readonly scatter: Scatter;
  private readonly undrawn = element('p', { class: 'hint' });
  private readonly table: VirtualTable<RunView>;
  private readonly buttons: Readonly<Record<'compare' | 'again' | 'report' | 'delete' | 'run', ActionButton>>;

  constructor(private readonly host: HistoryHost) {
    this.kept = host.load();
    const button = (label: string, appearance: 'primary' | 'secondary', onClick: () => void) =>
      actionButton({ label, appearance, onClick });
    this.buttons = {
      run: button('Run', 'primary', () => void this.ask('recipe/run', null)),
      compare: button('Compare', 'secondary', () => void this.ask('runs/compare', { ids: this.kept.selected })),
      again: button('Re-run', 'secondary', () => void this.rerun()),
      report: button('Open report', 'secondary', () => this.openReport(this.kept.selected[0])),
      delete: button('Delete…', 'secondary', () => void this.ask('runs/delete', { ids: this.kept.selected })),
    };
    this.scatter = new Scatter(
      (keys, current) => this.select(keys, current),
      (key) => this.openReport(key),
    );
    this.table = new VirtualTable<RunView>({
      label: 'Runs',
      key: (run) => run.id,
      onSelect: (run) => {
        this.current = run.id;
      },
      onSelectMany: (keys) => this.select(new Set(keys), this.current),
      onActivate: (run) => this.openReport(run.id),
      onSort: (sort) => {
        this.remember({ sort });
        this.update();
      },
    });
    const { run, compare, again, report, delete: remove } = this.buttons;
    this.content.append(
      element('section', { class: 'history-picture' }, this.scatter.element, this.undrawn),
      element(
        'div',
        { class: 'toolbar' },
        this.summary,
        element('span', { class: 'spacer' }),
        element('div', { class: 'actions' }, compare.element, again.element, report.element, remove.element),
      ),
      this.table.element,
    );
    this.element.append(
      element(
        'header',
        {},
        element(
          'div',
          { class: 'title-line' },
          this.title,
          this.facts,
          element('div', { class: 'actions' }, run.element),
        ),
        this.messages,
      ),
      element('main', { class: 'history-body' }, this.empty, this.content),
    );
  }

  async start(): Promise<void> {
    try {
      this.show(await this.host.channel.request('view/ready', null));
    } catch (error) {
      fill(this.messages, errorLine(wireOf(error)));
    }
  }

  show(state: HistoryState): void {
    this.state = state;
    const runs = this.runs;
    if (state.runs.status === 'ready') {
      // What was deleted, here or by the command line, is selected no more.
      const there = new Set(runs.map(({ id }) => id));
      this.kept = { ...this.kept, selected: this.kept.selected.filter((id) => there.has(id)) };
      this.current = this.current !== undefined && there.has(this.current) ? this.current : this.kept.selected.at(-1);
    }
    this.remember({ recipe: state.recipe.path });
    this.update();
  }

  private get runs(): readonly RunView[] {
    return this.state?.runs.status === 'ready' ? this.state.runs.value : [];
  }

  private get selected(): readonly RunView[] {
    return this.runs.filter(({ id }) => this.kept.selected.includes(id));
  }

  private update(): void {
    const { state, runs } = this;
    if (state === undefined) {
      return;
    }
    this.title.textContent = 'History';
    fill(
      this.facts,
      linkButton(state.recipe.name, () => void this.ask('recipe/open', null), state.recipe.path),
      state.running ? ' · a job is running' : '',
    );
    const ready = state.runs.status === 'ready';
    this.content.hidden = !ready;
    this.empty.hidden = ready;
    fill(this.empty, ready ? undefined : emptySlot(state.runs, 'Reading the history', undefined));
    const columns = historyColumns(runs);
    this.table.show(runs, columns, this.kept.sort ?? { column: 'time', descending: true });
    this.updateSelection();
  }

  private updateSelection(): void {
    const selected = new Set(this.kept.selected);
    this.table.selectMany(selected, this.current);
    const picture = runScatter(this.runs, selected, this.current);
    this.scatter.update(picture.input);
    this.scatter.element.hidden = picture.input.points.length === 0;
    this.undrawn.textContent = picture.note;
    this.undrawn.hidden = picture.note === '';
    this.updateButtons();
  }

  private updateButtons(): void {
    const { state, selected } = this;
    const [newer, older] = selected;
    const no = (reason: string) => ({ enabled: false, reason }) as const;
    const trusted = state?.trusted === true;
    const restricted = no('Restricted mode: trust the workspace to run or delete');
    const one = selected.length === 1;
    const { buttons } = this;
    buttons.compare.setState(selected.length === 2 ? { enabled: true } : no(`Select two runs: ${HINT}`));
    buttons.report.setState(one ? { enabled: true } : no('Select one run'));
    const busy = state?.running === true && newer?.isPresentRecipe === true;
    buttons.again.setState(
      !trusted ? restricted : !one ? no('Select one run') : busy ? no('A job is running') : { enabled: true },
    );
    buttons.delete.setState(!trusted ? restricted : selected.length > 0 ? { enabled: true } : no('Select a run'));
    buttons.run.setState(!trusted ? restricted : state.running ? no('A job is running') : { enabled: true });
    const all = count(this.runs.length, 'run');
    this.summary.textContent =
      selected.length === 2 && newer !== undefined && older !== undefined
        ? `newer against older: ${differenceText(older, newer)}`
        : selected.length === 0
          ? `${all}. ${HINT}`
          : `${all}, ${selected.length} selected`;
    this.summary.title = this.summary.textContent;
  }

  private select(keys: ReadonlySet<string>, current: string | undefined): void {
    this.current = current;
    // In the order of the runs, newest first.
    this.remember({ selected: this.runs.map(({ id }) => id).filter((id) => keys.has(id)) });
    this.updateSelection();
  }

  private remember(changed: Partial<PersistedHistoryState>): void {
    this.kept = { ...this.kept, ...changed };
    this.host.save(this.kept);
  }

  private openReport(id: string | undefined): void {
    if (id !== undefined) {
      void this.ask('run/openReport', { id });
    }
  }

  private async rerun(): Promise<void> {
    const [id] = this.kept.selected;
    if (id === undefined) {
      return;
    }
    const answer = await this.ask('run/again', { id });
    if (answer?.written !== undefined) {
      fill(this.messages, messageLine('info', `The recipe differed: its kept text is in ${answer.written}`));
    }
  }

  /** A failure is shown above the runs until the next request. */
  private async ask<K extends keyof HistoryRequests>(
    type: K,
    params: Params<HistoryRequests, K>,
  ): Promise<Result<HistoryRequests, K> | undefined> {
    fill(this.messages);
    try {
      return await this.host.channel.request(type, params);
    } catch (error) {
      fill(this.messages, errorLine(wireOf(error)));
      return undefined;
    }
  }
}

function wireOf(error: unknown): { readonly code: string; readonly message: string } {
  return RemoteError.is(error) ? error : { code: 'internal', message: String(error) };
}
