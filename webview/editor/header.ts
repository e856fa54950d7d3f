import type { EditorState, RelatedModel } from '../../src/protocol/webviewProtocol';
import { element, fill, type Child } from '../controls/element';
import { actionButton, dropdown, linkButton } from '../controls/toolkit';
import { AnswerStrip } from './answers';
import type { EditorModel, View } from './editorModel';
import { JobLine } from './jobLine';
import { errorLine, messageLine } from './messages';

/** Title, actions, the five answers, and what goes on or went wrong. */
export class Header implements View {
  readonly element: HTMLElement;
  private readonly title = element('h1', { class: 'title' });
  private readonly facts = element('div', { class: 'facts' });
  private readonly analyze;
  private readonly optimize;
  private readonly exportModel;
  private readonly createRecipe;
  private readonly compare;
  private readonly strip = new AnswerStrip();
  private readonly jobLine: JobLine;
  private readonly messages = element('div', { class: 'messages' });
  private readonly notices = element('div', { attributes: { 'aria-live': 'polite' } });
  private readonly recipes = dropdown('Recipe', (path) =>
    this.model.ask('recipe/choose', { path }, 'The recipe was not chosen'),
  );
  private shownRecipes = '';
  private drawnFor: EditorState | undefined;
  private noticesFor: readonly unknown[] = [];

  constructor(private readonly model: EditorModel) {
    this.jobLine = new JobLine(model);
    this.analyze = actionButton({
      label: 'Analyze',
      appearance: 'secondary',
      onClick: () => model.ask('job/start', { kind: 'analyze' }, 'Analyze did not start'),
    });
    this.optimize = actionButton({
      label: 'Optimize',
      appearance: 'secondary',
      onClick: () => model.ask('job/start', { kind: 'run' }, 'Optimize did not start'),
    });
    this.exportModel = actionButton({
      label: 'Export',
      appearance: 'secondary',
      onClick: () => model.ask('model/export', null, 'The model was not exported'),
    });
    this.createRecipe = actionButton({
      label: 'Create recipe',
      appearance: 'primary',
      onClick: () => model.ask('recipe/create', null, 'The recipe was not created'),
    });
    this.compare = actionButton({
      label: 'Compare',
      appearance: 'secondary',
      onClick: () => {
        const related = this.kin;
        if (related !== undefined) {
          model.ask('model/compare', { relation: related.relation }, 'The comparison did not open');
        }
      },
    });
    this.messages.append(this.notices, this.jobLine.element);
    this.element = element(
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
          this.compare.element,
          this.createRecipe.element,
          this.analyze.element,
          this.optimize.element,
          this.exportModel.element,
        ),
      ),
      this.strip.element,
      this.messages,
    );
  }

  update(): void {
    const { state } = this.model;
    if (state === undefined) {
      this.updateNotices();
      return;
    }
    this.title.textContent = state.document.name;
    this.title.title = state.document.path;
    // The slider changes the figures sixty times a second, the rest of the header hardly ever.
    if (this.drawnFor !== state) {
      this.drawnFor = state;
      this.updateFacts();
      this.updateActions(state);
    }
    this.strip.update(this.model);
    this.updateNotices();
    this.jobLine.update();
  }

  private updateNotices(): void {
    const shown = [this.model.state, this.model.failure];
    if (shown.some((part, index) => part !== this.noticesFor[index])) {
      this.noticesFor = shown;
      fill(this.notices, ...this.noticeLines());
    }
  }

  private updateActions(state: EditorState): void {
    const { analyze, optimize, export: exportState, createRecipe } = state.actions;
    const related = this.kin;
    this.compare.element.hidden = related === undefined;
    this.compare.element.title =
      related === undefined
        ? ''
        : `Compare with ${related.relation === 'float' ? 'the model it was made from' : 'its compressed model'}, ${related.name}`;
    const isVersion = state.document.version !== undefined;
    this.createRecipe.element.hidden = state.recipe !== undefined || isVersion;
    for (const button of [this.analyze, this.optimize, this.exportModel]) {
      button.element.hidden = isVersion;
    }
    this.createRecipe.setState(createRecipe);
    this.analyze.setState(analyze);
    this.optimize.setState(optimize);
    this.exportModel.setState(exportState);
    // One accent: on what comes next.
    const next = exportState.enabled
      ? this.exportModel
      : state.allocation.status === 'ready'
        ? this.optimize
        : this.analyze;
    for (const button of [this.analyze, this.optimize, this.exportModel]) {
      button.setAppearance(
        button === next && state.recipe !== undefined && state.trusted && state.model.status !== 'failed'
          ? 'primary'
          : 'secondary',
      );
    }
  }

  /** The float original or the compressed child. */
  private get kin(): RelatedModel | undefined {
    return this.model.state?.related.find(({ relation }) => relation !== 'diff');
  }

  private updateFacts(): void {
    const { state } = this.model;
    if (state === undefined) {
      return;
    }
    const summary = state.model.status === 'ready' ? state.model.value : undefined;
    const opset = summary?.opsets.find((entry) => entry.domain === '' || entry.domain === 'ai.onnx');
    const known = [opset === undefined ? undefined : `opset ${opset.version}`, summary?.producer].filter(
      (text) => text !== undefined && text !== '',
    );
    const parts: Child[] = [known.join(' · ')];
    const { recipe, recipes } = state;
    if (recipe !== undefined) {
      parts.push(known.length > 0 ? ' · recipe ' : 'recipe ');
      if (recipes.length > 1) {
        const choices = recipes.map((item) => ({ value: item.path, label: item.name }));
        const shown = JSON.stringify([choices, recipe.path]);
        if (shown !== this.shownRecipes) {
          this.shownRecipes = shown;
          this.recipes.setChoices(choices, recipe.path);
        }
        parts.push(this.recipes.element, ' ', this.openRecipe('open'));
      } else {
        parts.push(this.openRecipe(recipe.name));
      }
      if (recipe.lock === 'stale') {
        parts.push(' · lock is stale');
      }
    } else if (state.recipes.length === 0) {
      parts.push(known.length > 0 ? ' · no recipe' : 'no recipe');
    }
    fill(this.facts, ...parts);
    this.facts.title = [...known, recipe?.path].filter((text) => text !== undefined).join(' · ');
  }

  private openRecipe(label: string): HTMLElement {
    return linkButton(label, () => this.model.ask('recipe/open', {}, 'The recipe did not open'), 'Open the recipe');
  }

  private noticeLines(): Child[] {
    const { state, failure } = this.model;
    const lines: Child[] = [];
    if (failure !== undefined) {
      lines.push(
        errorLine(
          { ...failure.error, message: `${failure.what}: ${failure.error.message}` },
          linkButton('Show log', () => this.model.ask('log/show', null, 'The log did not open')),
          linkButton('Dismiss', () => this.model.dismissFailure()),
        ),
      );
    }
    if (state === undefined) {
      return lines;
    }
    const other = state.related.find(({ relation }) => relation === 'diff');
    if (other !== undefined) {
      lines.push(
        messageLine(
          'info',
          `Shown beside ${other.name}`,
          linkButton(
            'Compare with the other side',
            () => this.model.ask('model/compare', { relation: 'diff' }, 'The comparison did not open'),
            'Open one table of both models, layer by layer',
          ),
        ),
      );
    }
    if (!state.trusted) {
      lines.push(
        messageLine(
          'info',
          'Restricted mode: the model can be inspected, nothing is run',
          linkButton('Manage trust', () => this.model.ask('trust/manage', null, 'The trust page did not open')),
        ),
      );
    }
    if (state.model.status === 'failed') {
      lines.push(
        errorLine(
          state.model.error,
          linkButton('Read again', () => this.model.ask('model/reload', null, 'The file was not read')),
        ),
      );
    }
    const errors = state.recipe?.diagnostics.filter((diagnostic) => diagnostic.severity === 'error') ?? [];
    if (errors.length > 0) {
      const more = errors.length > 1 ? ` and ${errors.length - 1} more` : '';
      lines.push(
        messageLine(
          'error',
          `${state.recipe?.name ?? 'The recipe'}: ${errors[0]?.message ?? ''}${more}`,
          this.openRecipe('Open recipe'),
        ),
      );
    }
    for (const slot of [state.measurements, state.report]) {
      if (slot.status === 'failed') {
        lines.push(
          errorLine(
            slot.error,
            linkButton('Show log', () => this.model.ask('log/show', null, 'The log did not open')),
          ),
        );
      }
    }
    return lines;
  }
}
