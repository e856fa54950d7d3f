import { cpus, totalmem } from 'node:os';
import { basename, dirname, relative, sep } from 'node:path';
import { LATHE_VERSION } from '../../base/version';
import type { RunResult } from '../jobTypes';
import type { Recipe } from '../recipe/recipe';
import type { Report, ReportLayer } from './reportSchema';

export interface ReportContext {
  readonly recipe: Recipe;
  /** Path of the exported model. */
  readonly compressedPath: string;
  readonly createdAt?: Date;
  readonly stages?: Report['stages'];
  readonly latency?: NonNullable<Report['latency']>;
}

/** Gathers what a run measured. No absolute paths go in: reports are passed on. */
export function createReport(run: Omit<RunResult, 'outputs'>, context: ReportContext): Report {
  const { recipe, stages, latency } = context;
  const { analyze, allocate } = run;
  const { budget, minimize } = recipe.allocation;
  const sqnr = new Map(analyze.layers.map((l) => [l.name, new Map(l.weightSqnr.map((q) => [q.bits, q.decibel]))]));
  const macs = new Map(analyze.layers.map((layer) => [layer.name, layer.macs]));
  return {
    format: 1,
    lathe: LATHE_VERSION,
    createdAt: (context.createdAt ?? new Date()).toISOString(),
    seconds: run.seconds,
    resumedSteps: run.resumedSteps,
    engine: analyze.engine,
    machine: describeMachine(),
    seed: recipe.seed,
    recipe: basename(recipe.path),
    model: { file: recipe.model, sha256: analyze.modelHash },
    compressed: { file: relative(dirname(recipe.path), context.compressedPath).split(sep).join('/') },
    size: {
      nominal: run.size.nominal,
      nominalBits: run.size.nominalBits,
      floatBits: allocate.floatBits,
      packedBytes: run.size.packedBytes,
      fileBytes: run.size.fileBytes ?? 0,
      floatFileBytes: run.size.floatFileBytes,
      ...optional('bops', allocate.bops),
    },
    objective: {
      minimize,
      budget: { ...optional('size', budget.size), ...optional('bops', budget.bops), ...optional('loss', budget.loss) },
    },
    solver: {
      engine: allocate.solution.engine,
      proven: allocate.solution.proven,
      bound: finite(allocate.solution.bound) ?? 0,
      seconds: allocate.solution.seconds,
    },
    ...optional('accuracy', accuracyOf(run.accuracy)),
    loss: {
      unit: allocate.lossUnit,
      predicted: allocate.solution.loss,
      ...optional('measured', finite(run.measuredLoss)),
    },
    ...optional('latency', latency),
    limits: {
      ...optional('accuracyDrop', recipe.limits.accuracyDrop),
      within: run.withinLimits,
      messages: [...run.limitMessages],
    },
    memory: { ...analyze.memory },
    layers: run.layers.map((layer) => ({
      name: layer.name,
      shortName: layer.shortName,
      parameters: layer.parameters,
      ...optional('macs', macs.get(layer.name)),
      weightBits: layer.weightBits,
      activationBits: layer.activationBits,
      container: layer.container,
      sizeBits: layer.sizeBits,
      predictedLoss: layer.predictedLoss,
      ...optional('weightSqnr', finite(sqnr.get(layer.name)?.get(layer.weightBits))),
      ...optional('outputSqnr', finite(layer.outputSqnr)),
      ...optional('sparsity', sparsityOf(layer.sparsity)),
      pinned: layer.pinned,
      ...optional('reason', layer.reason),
      notes: [...layer.notes],
    })),
    refused: run.refused.map(({ layer, reason }) => ({ layer, reason })),
    floatOperators: run.floatOperators.map((operator) => ({ ...operator })),
    ...(run.eightBitOperators.length === 0
      ? {}
      : { eightBitOperators: run.eightBitOperators.map((operator) => ({ ...operator })) }),
    ...(run.advice.length === 0 ? {} : { advice: [...run.advice] }),
    policies: allocate.policies.map(({ sizeBits, changed, ...policy }) => ({
      ...policy,
      size: sizeBits / allocate.floatBits,
      changed: changed.map((layer) => ({ ...layer })),
    })),
    steps: run.steps.map(({ name, loss, accuracy, kept }) => ({
      name,
      ...(kept ? {} : { undone: true }),
      loss: finite(loss) ?? 0,
      ...optional('accuracy', finite(accuracy)),
    })),
    stages: stages ?? [],
    frontier: allocate.frontier.map(({ sizeBits, loss, kind }) => ({
      size: sizeBits / allocate.floatBits,
      loss,
      exact: kind === 'exact',
    })),
    uniform: allocate.uniform.map(({ bits, sizeBits, loss }) => ({ bits, size: sizeBits / allocate.floatBits, loss })),
  };
}

function accuracyOf(accuracy: RunResult['accuracy']): Report['accuracy'] {
  if (accuracy === undefined) {
    return undefined;
  }
  const { deployed, ...rest } = accuracy;
  return { ...rest, ...optional('deployed', deployed) };
}

function sparsityOf(sparsity: RunResult['layers'][number]['sparsity']): ReportLayer['sparsity'] {
  if (sparsity === undefined) {
    return undefined;
  }
  const { pattern, zeros, retained, maskError, error } = sparsity;
  return {
    pattern: `${pattern.keep}:${pattern.group}`,
    transposable: pattern.transposable,
    zeros,
    retained,
    ...optional('maskError', finite(maskError)),
    ...optional('error', finite(error)),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

/** JSON has no NaN and no infinity: figures that are neither are left out. */
function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

function describeMachine(): Report['machine'] {
  const processors = cpus();
  return {
    platform: process.platform,
    arch: process.arch,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    node: process.versions.node,
  };
}
