import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { LatheApi } from '../../../src/extension/extension';
import {
  activateLathe,
  closeAll,
  eventually,
  EXTENSION_ID,
  mend,
  openModel,
  quickRecipe,
  readText,
  sampleFile,
  scratchFile,
  stateOf,
  writeText,
} from '../support/lathe';

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
}

interface SchemaObject {
  readonly path: readonly string[];
  readonly fields: readonly { readonly name: string; readonly descriptions: readonly string[] }[];
}

/** A field's own description, and those of the forms it may take, which VS Code prefers. */
function descriptionsOf({ description, anyOf = [] }: Schema): readonly string[] {
  return [description, ...anyOf.map((form) => form.description)].flatMap((text) => text ?? []);
}

/** The recipe and all objects inside it that have named fields. */
function schemaObjects(): readonly SchemaObject[] {
  const { extensionPath } = vscode.extensions.getExtension(EXTENSION_ID)!;
  const file = join(extensionPath, 'schemas', 'lathe.recipe.schema.json');
  const found: SchemaObject[] = [];
  const walk = (schema: Schema, path: readonly string[]): void => {
    for (const { properties = {} } of [schema, ...(schema.anyOf ?? [])]) {
      const entries = Object.entries(properties);
      if (entries.length > 0) {
        found.push({ path, fields: entries.map(([name, field]) => ({ name, descriptions: descriptionsOf(field) })) });
      }
      for (const [name, inner] of entries) {
        walk(inner, [...path, name]);
      }
    }
  };
  walk(JSON.parse(readFileSync(file, 'utf8')) as Schema, []);
  return found;
}

describe('Recipes', () => {
  let api: LatheApi;
  before(async () => {
    api = await activateLathe();
  });
  afterEach(closeAll);

  async function open(name: string, text: string): Promise<vscode.TextDocument> {
    const uri = scratchFile(name);
    await writeText(uri, text);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document);
    return document;
  }

  const problemsOf = (document: vscode.TextDocument) =>
    vscode.languages.getDiagnostics(document.uri).filter((diagnostic) => diagnostic.source === 'lathe');

  it('are JSON with comments', async () => {
    const document = await open('comments.lathe.json', quickRecipe());
    assert.equal(document.languageId, 'jsonc');
  });

  it('offer every field of the schema where it belongs', async () => {
    for (const { path, fields } of schemaObjects()) {
      const text = path.reduceRight((inner, key) => `{ "${key}": ${inner} }`, '{ "": 0 }');
      const document = await open(`offered-${path.join('-')}.lathe.json`, text);
      const at = document.positionAt(text.indexOf('""') + 1);
      const missing = await eventually(`completions in ${path.join('.')}`, async () => {
        const { items } = await vscode.commands.executeCommand<vscode.CompletionList>(
          'vscode.executeCompletionItemProvider',
          document.uri,
          at,
        );
        const labels = items.map(({ label }) => (typeof label === 'string' ? label : label.label));
        return labels.length > 0 && fields.filter(({ name }) => !labels.includes(name)).map(({ name }) => name);
      });
      assert.deepEqual(missing, [], `in ${path.join('.')}`);
      await closeAll();
    }
  });

  it('tell what every field of the schema means', async () => {
    for (const { path, fields } of schemaObjects()) {
      const inner = `{ ${fields.map(({ name }) => `"${name}": null`).join(', ')} }`;
      const text = path.reduceRight((value, key) => `{ "${key}": ${value} }`, inner);
      const document = await open(`told-${path.join('-')}.lathe.json`, text);
      for (const { name, descriptions } of fields) {
        const at = document.positionAt(text.lastIndexOf(`"${name}"`) + 1);
        const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
          'vscode.executeHoverProvider',
          document.uri,
          at,
        );
        const words = (told: string): string => told.replace(/[^A-Za-z0-9]+/g, ' ').trim();
        const told = hovers.flatMap(({ contents }) =>
          contents.map((content) => (content as vscode.MarkdownString).value),
        );
        assert.ok(
          descriptions.some((description) => words(told.join(' ')).includes(words(description))),
          `${[...path, name].join('.')}: none of "${descriptions.join('", "')}" is in "${told.join(' ')}"`,
        );
      }
      await closeAll();
    }
  });

  it('without faults have no problems', async () => {
    const document = await open('good.lathe.json', quickRecipe());
    // An edit and its undoing make sure that the check ran.
    await eventually('the check', async () => {
      const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
        'vscode.executeCodeLensProvider',
        document.uri,
      );
      return lenses.length > 0;
    });
    assert.deepEqual(problemsOf(document), []);
  });

  it('show a typo where it stands, with the field that was meant', async () => {
    const document = await open('typo.lathe.json', quickRecipe().replace('"budget"', '"budgte"'));
    const [problem] = await eventually('a problem', () => {
      const found = problemsOf(document);
      return found.length > 0 ? found : undefined;
    });
    assert.equal(document.getText(problem!.range), '"budgte"');
    assert.match(problem!.message, /budget/);
    assert.equal(problem!.severity, vscode.DiagnosticSeverity.Error);
    await mend(document, problem!, 'Replace with "budget"');
    await eventually('no problem', () => problemsOf(document).length === 0);
    await document.save();
  });

  it('offer the nearest width that can be exported', async () => {
    const text = quickRecipe('../sample/resnet20.onnx', { quantization: { weights: { bits: [4, 9] } } });
    const document = await open('width.lathe.json', text);
    const [problem] = await eventually('a problem', () => {
      const found = problemsOf(document);
      return found.length > 0 ? found : undefined;
    });
    assert.equal(document.getText(problem!.range), '9');
    await mend(document, problem!, 'Replace with 8');
    await document.save();
  });

  it('show an unknown layer with the nearest one, as it is typed', async () => {
    const document = await open('layer.lathe.json', quickRecipe('../sample/resnet20.onnx', { layers: {} }));
    const at = document.positionAt(document.getText().indexOf('"layers": {') + '"layers": {'.length);
    const edit = new vscode.WorkspaceEdit();
    edit.insert(document.uri, at, '"/conv1/Cnov": { "weights": 8 }');
    await vscode.workspace.applyEdit(edit);
    const [problem] = await eventually('a problem', () => {
      const found = problemsOf(document);
      return found.length > 0 ? found : undefined;
    });
    assert.match(problem!.message, /\/conv1\/Conv/);
    await mend(document, problem!, 'Replace with "/conv1/Conv"');
    assert.match(document.getText(), /"\/conv1\/Conv": \{ "weights": 8 \}/);
    await eventually('no problem', () => problemsOf(document).length === 0);
    await document.save();
  });

  it('show a model that is not there', async () => {
    const document = await open('nomodel.lathe.json', quickRecipe('missing.onnx'));
    const found = await eventually('a problem', () => {
      const problems = problemsOf(document);
      return problems.length > 0 ? problems : undefined;
    });
    assert.ok(found.some((problem) => problem.message.includes('missing.onnx')));
  });

  it('have Run, Allocate, Open model, Changes since HEAD and History above them', async () => {
    const document = await open('lens.lathe.json', quickRecipe());
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      'vscode.executeCodeLensProvider',
      document.uri,
    );
    assert.deepEqual(
      lenses.map((lens) => lens.command?.command),
      ['lathe.optimize', 'lathe.allocate', 'lathe.openModel', 'lathe.reviewChanges', 'lathe.showHistory'],
    );
    await vscode.commands.executeCommand('lathe.openModel', document.uri);
    await eventually('the model', () => api.editors.find(sampleFile('resnet20.onnx')));
  });

  it('complete layer names, and tell their figures on hover', async () => {
    const document = await open(
      'names.lathe.json',
      quickRecipe('../sample/resnet20.onnx', { layers: { '/conv1/Conv': { weights: 8 } } }),
    );
    const inside = document.positionAt(document.getText().indexOf('/conv1/Conv') + 3);
    const completions = await vscode.commands.executeCommand<vscode.CompletionList>(
      'vscode.executeCompletionItemProvider',
      document.uri,
      inside,
    );
    const labels = completions.items.map((item) => (typeof item.label === 'string' ? item.label : item.label.label));
    assert.ok(labels.includes('/layers/layers.0/conv1/Conv'), labels.join(', '));
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      document.uri,
      inside,
    );
    const text = hovers
      .flatMap((hover) => hover.contents.map((content) => (content as vscode.MarkdownString).value))
      .join('\n');
    assert.match(text, /Conv 3×3/);
    assert.match(text, /144/);
  });

  it('get pins and budget from the editor as one edit that keeps their comments', async () => {
    const uri = scratchFile('pins.lathe.json');
    await vscode.workspace.fs.copy(sampleFile('resnet20.onnx'), scratchFile('pinned.onnx'), { overwrite: true });
    await writeText(uri, quickRecipe('pinned.onnx').replace('{\n', '{\n  // kept\n'));
    const document = await openModel(api, scratchFile('pinned.onnx'));
    await eventually('the recipe', () => stateOf(document).recipe?.name === 'pins.lathe.json');
    document.setPins([{ layer: '/conv1/Conv', weightBits: 4 }]);
    const { changed } = await api.actions.writeRecipe(document, { size: 0.3 });
    assert.equal(changed, 2);
    const text = await readText(uri);
    assert.match(text, /\/\/ kept/);
    assert.match(text, /"\/conv1\/Conv": \{ "weights": 4 \}/);
    assert.match(text, /"size": 0\.3/);
    assert.deepEqual(stateOf(document).pins, []);
  });

  it('are created beside a model, once', async () => {
    const model = scratchFile('fresh.onnx');
    await vscode.workspace.fs.copy(sampleFile('resnet20.onnx'), model, { overwrite: true });
    const created = await vscode.commands.executeCommand<vscode.Uri>('lathe.createRecipe', model);
    assert.equal(created.path, scratchFile('fresh.lathe.json').path);
    const text = await readText(created);
    await writeText(created, text.replace('"seed": 1', '"seed": 2'));
    await vscode.commands.executeCommand('lathe.createRecipe', model);
    assert.match(await readText(created), /"seed": 2/);
  });
});
