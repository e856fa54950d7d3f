import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { SampleWorkspace, smallJob } from '../support/sampleWorkspace';
import { cliProgram, lathe, root } from './lathe';

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
}

interface Workflow {
  readonly on: { readonly pull_request: { readonly paths: readonly string[] } };
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: {
    readonly review: {
      readonly defaults: { readonly run: { readonly shell: string } };
      readonly steps: readonly Step[];
    };
  };
}

const page = readFileSync(join(root, 'docs/github-actions.md'), 'utf8');
const workflow = load(/```yaml\n(.*?)```/s.exec(page)![1]!) as Workflow;
const { steps } = workflow.jobs.review;

describe('the workflow of docs/github-actions.md', function () {
  this.timeout(180_000);
  let sample: SampleWorkspace;
  let env: NodeJS.ProcessEnv;
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], {
      cwd: sample.folder,
      encoding: 'utf8',
    });
  const recipePath = 'resnet20.lathe.json';
  const lockPath = 'resnet20.lathe.lock.json';
  const lock = () => readFileSync(sample.path(lockPath), 'utf8');

  /** Runs a step as GitHub's runner does for `shell: bash`. */
  function run(name: string): { readonly code: number | null; readonly out: string } {
    const step = steps.find((one) => one.name === name);
    assert.ok(step?.run !== undefined, `no step ${name}`);
    const script = join(env.RUNNER_TEMP!, 'step.sh');
    writeFileSync(script, step.run);
    const { status, stdout, stderr } = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', script], {
      cwd: sample.folder,
      env,
      encoding: 'utf8',
    });
    return { code: status, out: `${stdout}${stderr}` };
  }

  function setBudget(size: number): void {
    const recipe = JSON.parse(readFileSync(sample.recipePath, 'utf8')) as { allocation: { budget: object } };
    recipe.allocation.budget = { size };
    writeFileSync(sample.recipePath, JSON.stringify(recipe, null, 2));
  }

  before(function () {
    if (process.platform === 'win32') {
      // The workflow runs on Linux: GNU sed and sort.
      this.skip();
    }
    sample = new SampleWorkspace((recipe) => {
      smallJob(recipe);
      delete recipe.limits;
    });
    const tools = sample.path('.tools');
    mkdirSync(tools);
    const program = `#!/bin/sh\nexec "${process.execPath}" "${cliProgram()}" "$@"\n`;
    writeFileSync(join(tools, 'lathe'), program, { mode: 0o755 });
    writeFileSync(sample.path('.gitignore'), '.lathe/\n.tools/\n');
    env = {
      ...process.env,
      PATH: `${tools}:${process.env.PATH ?? ''}`,
      RUNNER_TEMP: tools,
      GITHUB_BASE_REF: 'main',
      GITHUB_STEP_SUMMARY: join(tools, 'summary.md'),
    };
    for (const command of ['analyze', 'allocate']) {
      const { code, err } = lathe([command, recipePath], { cwd: sample.folder });
      assert.equal(code, 0, err);
    }
    git('init', '--quiet', '--initial-branch', 'main');
    git('add', '--all');
    git('commit', '--quiet', '--message', 'Compress');
    git('update-ref', 'refs/remotes/origin/main', 'main');
    git('switch', '--quiet', '--create', 'smaller');
    setBudget(0.11);
    git('commit', '--quiet', '--all', '--message', 'Spend less');
  });
  after(() => {
    // Undefined where the suite was skipped.
    (sample as SampleWorkspace | undefined)?.dispose();
  });

  it('is YAML of the form GitHub wants, with standard actions and no more rights than it uses', () => {
    assert.deepEqual(workflow.permissions, { contents: 'read', 'pull-requests': 'write' });
    assert.equal(workflow.jobs.review.defaults.run.shell, 'bash');
    for (const { uses, run: script } of steps) {
      assert.ok((uses === undefined) !== (script === undefined));
      assert.match(uses ?? 'actions/', /^actions\//);
      // What comes from a pull request reaches scripts by variables, where no shell reads it as a programme.
      assert.doesNotMatch(script ?? '', /\$\{\{/);
      const syntax = spawnSync('bash', ['-n'], { input: script ?? '', encoding: 'utf8' });
      assert.equal(syntax.status, 0, syntax.stderr);
    }
    for (const kind of ['', '.lock', '.report']) {
      assert.ok(workflow.on.pull_request.paths.includes(`**/*.lathe${kind}.json`));
    }
  });

  it('fails for a lock that the recipe has left behind, and says why', () => {
    assert.equal(run('Find what changed').code, 0);
    assert.equal(readFileSync(join(env.RUNNER_TEMP!, 'recipes'), 'utf8'), `${recipePath}\0`);
    const { code, out } = run('Check recipes, locks and reports');
    assert.equal(code, 1);
    assert.match(out, /resnet20\.lathe\.json: stale: .*budget size 0\.12 → 0\.11/);
  });

  it('passes once it was allocated again', () => {
    const { code, err } = lathe(['allocate', recipePath], { cwd: sample.folder });
    assert.equal(code, 0, err);
    git('commit', '--quiet', '--all', '--message', 'Allocate');
    assert.equal(run('Find what changed').code, 0);
    assert.equal(run('Check recipes, locks and reports').code, 0);
  });

  it('writes what lathe diff prints against the base branch', () => {
    const { code, out } = run('Compare with the base branch');
    assert.equal(code, 0, out);
    const comment = readFileSync(join(env.RUNNER_TEMP!, 'comment.md'), 'utf8');
    const printed = [recipePath, lockPath].map(
      (path) => lathe(['diff', `main:${path}`, path, '--format', 'markdown'], { cwd: sample.folder }).out,
    );
    assert.equal(comment, `<!-- lathe-diff -->\n${printed.join('')}`);
    assert.match(comment, /### main:resnet20\.lathe\.lock\.json → resnet20\.lathe\.lock\.json/);
    assert.match(comment, /\| Size, nominal \|/);
    assert.match(comment, /allocation\.budget\.size/);
    assert.equal(readFileSync(env.GITHUB_STEP_SUMMARY!, 'utf8'), comment);
  });

  it('goes on where a file is new, gone, or damaged', () => {
    const kept = lock();
    writeFileSync(sample.path(lockPath), '{');
    writeFileSync(sample.path('other one.lathe.json'), readFileSync(sample.recipePath));
    git('add', 'other one.lathe.json');
    git('commit', '--quiet', '--all', '--message', 'Break things');
    assert.equal(run('Find what changed').code, 0);
    const { code } = run('Compare with the base branch');
    assert.equal(code, 0);
    const comment = readFileSync(join(env.RUNNER_TEMP!, 'comment.md'), 'utf8');
    assert.match(comment, /### other one\.lathe\.json\n\nNew\./);
    assert.match(comment, /### resnet20\.lathe\.lock\.json\n\nCould not be compared/);
    git('rm', '--quiet', '--force', lockPath);
    git('commit', '--quiet', '--message', 'Remove the lock');
    assert.equal(run('Compare with the base branch').code, 0);
    assert.match(
      readFileSync(join(env.RUNNER_TEMP!, 'comment.md'), 'utf8'),
      /### resnet20\.lathe\.lock\.json\n\nRemoved\./,
    );
    writeFileSync(sample.path(lockPath), kept);
  });

  it('cuts a comment that GitHub would refuse, between lines, and writes it anew or over the last', () => {
    const comment = join(env.RUNNER_TEMP!, 'comment.md');
    const calls = join(env.RUNNER_TEMP!, 'calls');
    // The runner's `gh` talks to GitHub: here it notes what it was asked, and answers as with one earlier comment.
    writeFileSync(
      join(env.RUNNER_TEMP!, 'gh'),
      `#!/bin/sh\necho "$*" >> "${calls}"\ncase "$*" in *--paginate*) [ -z "$EARLIER" ] || echo 77;; esac\n`,
      { mode: 0o755 },
    );
    for (const [earlier, wanted] of [
      ['', /pr comment 5 --repo ada\/models --body-file/],
      ['yes', /--method PATCH repos\/ada\/models\/issues\/comments\/77 -F body=@/],
    ] as const) {
      writeFileSync(comment, `<!-- lathe-diff -->\n${'| row → row |\n'.repeat(10_000)}`);
      writeFileSync(calls, '');
      env = { ...env, NUMBER: '5', GITHUB_REPOSITORY: 'ada/models', EARLIER: earlier };
      const { code, out } = run('Comment on the pull request');
      assert.equal(code, 0, out);
      assert.match(readFileSync(calls, 'utf8'), wanted);
      const cut = readFileSync(comment, 'utf8');
      assert.ok(Buffer.byteLength(cut) < 65_000);
      assert.match(cut, /\| row → row \|\n\nCut here: the summary of the job has all of it\.\n$/);
    }
  });
});
