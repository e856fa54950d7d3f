export type { InputMoments, LayerMoments } from './layerMoments';
