import { createHash, type Hash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type { RunnerValue, TensorData } from '../../analysis';
import { throwIfCancelled } from '../../base/errors';
import { DataType } from '../../onnx';
import { canonicalJson } from '../cache/canonicalJson';
import type { DataSpec, Preprocess } from '../recipe/recipe';
import { openNpyFolder, type ArraySource } from './arraySource';
import { rowConverter, type RowConverter } from './convertRows';
import type { Dataset } from './dataset';
import { isFloatElement } from './elementType';
import {
  badLabels,
  dataMissing,
  dataUnsupported,
  emptyData,
  missingArray,
  notFinite,
  tooFew,
  unknownFormat,
  wrongShape,
} from './errors';
import { openArrays } from './describeData';
import { decodeImages, listImages, type DecodeOptions, type ImageList } from './imageFolder';
import { channelAxis, fitRows, fixedBatchOf, type RowFit } from './inputShape';
import type { StoredArray } from './npyArray';

/** What the model needs of the data. */
export interface WantedData {
  /** The model's true inputs. */
  readonly inputs: readonly RunnerValue[];
  /** Whether labels must be there. They are read in any case where the source has them. */
  readonly labels?: boolean;
  /** Number of classes; labels must be below. */
  readonly classes?: number | undefined;
}

interface Feed {
  readonly input: RunnerValue;
  readonly array: StoredArray;
  readonly fit: RowFit;
  readonly convert: RowConverter;
}

interface Gathered {
  readonly feeds: readonly Feed[];
  readonly labels: Int32Array | undefined;
  readonly samples: number;
  close(): void;
}

/** Elements looked at in one go when everything is checked. */
const checkedElements = 1 << 20;

/**
 * Opens the data a recipe names and holds all of it to the model: names, shapes, types, counts, finite values, labels. What
 * passes here does not fail in the middle of a job. Large arrays stay on disk; images are decoded at once.
 * Throws `data/*` usage errors.
 */
export async function openDataset(
  spec: DataSpec,
  wanted: WantedData,
  preprocess: Preprocess,
  options: DecodeOptions = {},
): Promise<Dataset> {
  const stat = statSync(spec.path, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw dataMissing(spec.path);
  }
  const hash = createHash('sha256');
  hash.update(
    canonicalJson({ inputs: spec.inputs, labels: spec.labels, samples: spec.samples, preprocess, format: 1 }),
  );
  const images = stat.isDirectory() ? listFolderImages(spec.path) : undefined;
  const gathered =
    images === undefined
      ? gatherArrays(openArrays(spec.path, spec.labels), spec, wanted, preprocess, hash)
      : await gatherImages(images, spec, wanted, preprocess, hash, options);
  try {
    const { feeds, labels, samples } = gathered;
    const fixedBatch = commonBatch(feeds, spec.path);
    if (fixedBatch !== undefined && samples < fixedBatch) {
      throw tooFew(spec.path, fixedBatch, samples, 'the model runs in batches of exactly');
    }
    checkLabels(labels, wanted, spec);
    for (const feed of feeds) {
      checkFinite(feed, samples, options.signal);
    }
    return {
      samples,
      fixedBatch,
      hasLabels: labels !== undefined,
      hash: hash.digest('hex'),
      batch: (start, count) => new Map(feeds.map((feed) => [feed.input.name, feedRows(feed, start, count)])),
      labels: (start, count) => labels?.slice(start, start + count),
      close: () => gathered.close(),
    };
  } catch (error) {
    gathered.close();
    throw error;
  }
}

/** Images, unless the folder holds .npy files. */
function listFolderImages(path: string): ImageList | undefined {
  return openNpyFolder(path).names.length > 0 ? undefined : (listImages(path) ?? noSamples(path));
}

function noSamples(path: string): never {
  throw unknownFormat(path, 'the folder holds neither images nor .npy files');
}

function gatherArrays(
  source: ArraySource,
  spec: DataSpec,
  wanted: WantedData,
  preprocess: Preprocess,
  hash: Hash,
): Gathered {
  try {
    for (const name of spec.inputs.keys()) {
      if (!wanted.inputs.some((input) => input.name === name)) {
        throw missingArray(
          'data.inputs',
          name,
          wanted.inputs.map((input) => input.name),
          `the model has no input ${JSON.stringify(name)}`,
        );
      }
    }
    const labelName = source.ownLabels ?? spec.labels;
    const chosen = wanted.inputs.map((input) => chooseArray(input, source, spec, wanted, labelName));
    const counts = chosen.filter(({ fit }) => fit.kind !== 'constant').map(({ array }) => array.shape[0]!);
    const present = Math.min(...counts);
    const samples = countSamples(spec, present);
    const feeds = chosen.map(({ input, array, fit, name }) => {
      hash.update(`\0${input.name}\0`);
      source.hashInto(hash, name);
      return {
        input,
        array,
        fit,
        convert: rowConverter(array.where, array.elementType, input, fit.sampleShape, preprocess),
      };
    });
    const uneven = chosen.find(({ array, fit }) => fit.kind !== 'constant' && array.shape[0] !== present);
    if (uneven !== undefined) {
      throw tooFew(source.path, uneven.array.shape[0]!, present, `${uneven.array.where} has`);
    }
    let labels: Int32Array | undefined;
    if (labelName !== undefined) {
      hash.update('\0labels\0');
      source.hashInto(hash, labelName);
      labels = readLabels(source.open(labelName), samples);
    }
    return { feeds, labels, samples, close: () => source.close() };
  } catch (error) {
    source.close();
    throw error;
  }
}

interface ChosenArray {
  readonly input: RunnerValue;
  readonly name: string;
  readonly array: StoredArray;
  readonly fit: RowFit;
}

/** The array named in the recipe; else the one of the input's name; else, for a single input, the only one that fits. */
function chooseArray(
  input: RunnerValue,
  source: ArraySource,
  spec: DataSpec,
  wanted: WantedData,
  labelName: string | undefined,
): ChosenArray {
  const asked = spec.inputs.get(input.name) ?? (source.names.includes(input.name) ? input.name : undefined);
  if (asked !== undefined) {
    const array = source.open(asked);
    const fit = fitRows(array.shape, input.shape);
    if (fit === undefined) {
      throw wrongShape(array.where, input.name, input.shape ?? [], array.shape);
    }
    return { input, name: asked, array, fit };
  }
  const candidates = source.names.filter((name) => name !== labelName);
  const advice = `say in "inputs" which one feeds the model input ${JSON.stringify(input.name)}`;
  if (wanted.inputs.length > 1) {
    throw missingArray(source.path, input.name, candidates, advice);
  }
  const opened = candidates.map((name) => ({ name, array: source.open(name) }));
  const fitting = opened.flatMap(({ name, array }) => {
    const fit = fitRows(array.shape, input.shape);
    return fit === undefined ? [] : [{ input, name, array, fit }];
  });
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) {
    return only;
  }
  if (opened.length === 1) {
    throw wrongShape(opened[0]!.array.where, input.name, input.shape ?? [], opened[0]!.array.shape);
  }
  const why = fitting.length === 0 ? 'none of its arrays has the right shape' : 'several of its arrays would fit';
  throw missingArray(source.path, input.name, candidates, `${why}: ${advice}`);
}

async function gatherImages(
  images: ImageList,
  spec: DataSpec,
  wanted: WantedData,
  preprocess: Preprocess,
  hash: Hash,
  options: DecodeOptions,
): Promise<Gathered> {
  const [input, ...others] = wanted.inputs;
  if (input === undefined || others.length > 0) {
    throw dataUnsupported(
      spec.path,
      `images feed one input, and the model has ${wanted.inputs.length}`,
      'Give the samples as .npz.',
    );
  }
  const shape = input.shape?.slice(1) ?? [];
  const axis = channelAxis(shape);
  const channels = shape[axis];
  if (shape.length !== 3 || (input.shape?.length ?? 0) !== 4) {
    throw dataUnsupported(
      spec.path,
      `images feed inputs of shape [batch, channels, height, width], and ${JSON.stringify(input.name)} is another`,
      'Give the samples as .npz.',
    );
  }
  const samples = countSamples(spec, images.files.length);
  const [height, width] = axis === 0 ? [shape[1], shape[2]] : [shape[0], shape[1]];
  const array = await decodeImages(
    spec.path,
    images.files.slice(0, samples),
    {
      channels: typeof channels === 'number' ? channels : 3,
      height: typeof height === 'number' ? height : undefined,
      width: typeof width === 'number' ? width : undefined,
      layout: axis === 0 ? 'channels-first' : 'channels-last',
    },
    hash,
    options,
  );
  const sampleShape = array.shape.slice(1);
  const convert = rowConverter(array.where, array.elementType, input, sampleShape, preprocess);
  return {
    feeds: [{ input, array, fit: { kind: 'batch', sampleShape }, convert }],
    labels: images.classes && Int32Array.from(images.classes.slice(0, samples)),
    samples,
    close: () => array.close(),
  };
}

function countSamples(spec: DataSpec, present: number): number {
  if (present === 0) {
    throw emptyData(spec.path);
  }
  if (!Number.isFinite(present)) {
    return spec.samples ?? 1; // Only constant inputs.
  }
  if (spec.samples !== undefined && spec.samples > present) {
    throw tooFew(spec.path, spec.samples, present, 'the recipe asks for');
  }
  return spec.samples ?? present;
}

function commonBatch(feeds: readonly Feed[], path: string): number | undefined {
  const sizes = new Set(feeds.map(({ input, fit }) => fixedBatchOf(input, fit)).filter((size) => size !== undefined));
  if (sizes.size > 1) {
    throw dataUnsupported(
      path,
      `the model's inputs have the batch sizes ${[...sizes].join(' and ')}`,
      'Lathe feeds inputs that share their first axis.',
    );
  }
  const [size] = sizes;
  return size;
}

function readLabels(array: StoredArray, samples: number): Int32Array {
  if (isFloatElement(array.elementType)) {
    throw badLabels(array.where, `labels are class numbers, and it is ${array.elementType}`);
  }
  const [count = 0, ...rest] = array.shape;
  if (array.shape.length === 0 || rest.some((d) => d !== 1)) {
    throw badLabels(array.where, `labels are one number per sample, and its shape is [${array.shape.join(', ')}]`);
  }
  if (count < samples) {
    throw badLabels(array.where, `there are ${count} labels for ${samples} samples`);
  }
  const values = array.rows(0, samples);
  const out = new Int32Array(samples);
  for (let i = 0; i < samples; i++) {
    const value = values[i]!;
    if (value < 0 || value > 2147483647) {
      throw badLabels(array.where, `sample ${i} (counted from 0) has the label ${value}; labels count from 0`);
    }
    out[i] = value;
  }
  return out;
}

function checkLabels(labels: Int32Array | undefined, wanted: WantedData, spec: DataSpec): void {
  if (labels === undefined) {
    if (wanted.labels === true) {
      throw badLabels(
        spec.path,
        spec.labels === undefined
          ? 'labels are needed and the recipe names none. Name the array in "labels", or sort images into one sub-folder per class'
          : `labels are needed, and images that are not sorted into sub-folders have none (${JSON.stringify(spec.labels)})`,
      );
    }
    return;
  }
  const { classes } = wanted;
  if (classes !== undefined) {
    const at = labels.findIndex((label) => label >= classes);
    if (at !== -1) {
      throw badLabels(
        `${basename(spec.path)}${spec.labels === undefined ? '' : `: ${spec.labels}`}`,
        `sample ${at} (counted from 0) has the label ${labels[at]!}, and the model has ${classes} classes (0 to ${classes - 1})`,
      );
    }
  }
}

/** NaN and infinity would spoil every figure computed from them, silently. */
function checkFinite(feed: Feed, samples: number, signal: AbortSignal | undefined): void {
  const { array, fit } = feed;
  if (!isFloatElement(array.elementType)) {
    if (feed.input.type !== DataType.FLOAT) {
      feed.convert(array.rows(0, fit.kind === 'constant' ? 1 : samples)); // Integer ranges.
    }
    return;
  }
  const rowElements = array.shape.slice(1).reduce((product, d) => product * d, 1);
  const rows = fit.kind === 'constant' ? Math.min(1, array.shape[0] ?? 1) : samples;
  const step = Math.max(1, Math.floor(checkedElements / Math.max(1, rowElements)));
  for (let start = 0; start < rows; start += step) {
    throwIfCancelled(signal);
    const values = array.rows(start, Math.min(step, rows - start));
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i]!)) {
        throw notFinite(array.where, start + Math.floor(i / Math.max(1, rowElements)), values[i]!);
      }
    }
  }
}

function feedRows(feed: Feed, start: number, count: number): TensorData {
  const { array, fit, input } = feed;
  const rows = fit.kind === 'constant' ? array.rows(0, 1) : array.rows(start, count);
  return {
    type: input.type ?? DataType.FLOAT,
    dims: fit.kind === 'batch' ? [count, ...fit.sampleShape] : fit.sampleShape,
    data: feed.convert(rows),
  };
}
