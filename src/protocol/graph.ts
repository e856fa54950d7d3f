/** What the Graph tab draws: operators and the values between them, as compact plain JSON. No weights. */

/** One graph of a model with its constants folded away: what is computed from constants alone is no node here. */
export interface GraphStructure {
  /** Its place among all graphs of the model; {@link MAIN_GRAPH} is the model's own. */
  readonly graph: number;
  readonly name: string;
  /** In the order of the file: inputs, then operators, then outputs. */
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** Shapes that edges name by index: "batch × 16 × 28 × 28"; "?" where unknown. */
  readonly shapes: readonly string[];
}

export const MAIN_GRAPH = 0;

/** From and to are indexes into `nodes`, each pair at most once; `shape` is that of the first value between them. */
export type GraphEdge = readonly [from: number, to: number, shape: number];

export interface GraphNode {
  /** `outer`: a value of the graph around a sub-graph that is read in here. */
  readonly kind: 'operator' | 'input' | 'output' | 'outer';
  /** Key of the operator, or name of the value. Unique among the nodes of its kind. */
  readonly name: string;
  /** Operator type as in ONNX, with its domain where that is not the standard's; empty for values. */
  readonly operator: string;
  /** Name of the layer, where the operator is one. */
  readonly layer?: string;
  /** Constant operands. */
  readonly constants?: number;
  /** Bodies of If, Loop, Scan and the like. */
  readonly subgraphs?: readonly SubgraphReference[];
}

export interface SubgraphReference {
  /** Name of the attribute that holds it: "then_branch". */
  readonly attribute: string;
  /** Its place among all graphs of the model. */
  readonly graph: number;
  /** Operators in it, constants included. */
  readonly nodes: number;
}
